/** From a bearer token to a principal. */
export { Authenticator, type AuthenticatorOptions } from './authenticator.ts';
export { IdentityError, type IdentityErrorCode } from './errors.ts';
export { type IssuerConfig, IssuerSchema, IssuersSchema } from './issuers-schema.ts';
export { loginOptions, type LoginOptions } from './login.ts';
export type { Principal } from './principal.ts';
export type { ClusterKeys } from './service-account.ts';
export { MAX_TOKEN_BYTES } from './token.ts';
export { MAX_ENTRY_AGE_MS } from './verified-cache.ts';
