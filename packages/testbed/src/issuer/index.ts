/** The issuer double. */
export type { Reply } from './http.ts';
export { DEMO_CLIENT_ID, DEMO_GROUPS, DEMO_PEOPLE, DEMO_TENANT, type Person } from './people.ts';
export { type IssuerDouble, type IssuerOptions, startIssuer } from './start-issuer.ts';
export { type MintOptions, newSigningKey, type Realm, sign, type SigningKey } from './tokens.ts';
