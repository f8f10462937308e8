/** The configuration of the closed list of issuers. */
import { type Static, Type } from 'typebox';

/** Asymmetric algorithms only: an HMAC "key" would be the public key that anybody can fetch. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

const closed = { additionalProperties: false } as const;
const Name = Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' });
const Text = Type.String({ minLength: 1, maxLength: 1024 });

export const IssuerSchema = Type.Object(
  {
    /** Appears in logs and as the principal's issuer. */
    name: Name,
    /** `oidc`: any OpenID Connect provider. `entra`: Microsoft Entra ID, v1 and v2 tokens of one tenant. */
    preset: Type.Optional(Type.Union([Type.Literal('oidc'), Type.Literal('entra')], { default: 'oidc' })),
    /** oidc: the exact `iss`. entra: the authority, by default https://login.microsoftonline.com. */
    issuer: Type.Optional(Type.String({ pattern: '^https?://', maxLength: 2048 })),
    /** entra: the tenant's id, a GUID; the `tid` of every token. */
    tenant: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' }),
    ),
    /** Every audience in a token must be one of these. */
    audience: Type.Union([Text, Type.Array(Text, { minItems: 1, maxItems: 32 })]),
    /** Keys from a file (JWK Set) in place of discovery. */
    jwksFile: Type.Optional(Type.String({ minLength: 1 })),
    /** PEM file of the authorities that vouch for the issuer's server; replaces the system's. */
    caFile: Type.Optional(Type.String({ minLength: 1 })),
    algorithms: Type.Optional(
      Type.Array(Type.Enum(ALGORITHMS), {
        minItems: 1,
        maxItems: ALGORITHMS.length,
        default: ['RS256', 'ES256'],
      }),
    ),
    /** The `typ` header that is demanded, e.g. `at+jwt`. Without it: `JWT`, `at+jwt` or none. */
    typ: Type.Optional(Text),
    /** oidc only (default `sub`); entra is `upn`, else `oid`. */
    usernameClaim: Type.Optional(Text),
    usernamePrefix: Type.Optional(Type.String({ maxLength: 256, default: '' })),
    groupsClaim: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, default: 'groups' })),
    groupsPrefix: Type.Optional(Type.String({ maxLength: 256, default: '' })),
    /** Claims that must hold exactly this string, or an array with it. */
    requiredClaims: Type.Optional(Type.Record(Text, Type.String({ maxLength: 1024 }))),
    /** How far the issuer's clock may be off. */
    clockSkewSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 300, default: 60 })),
    /** What a client needs to sign in here; not used in verification. */
    login: Type.Optional(Type.Object({ clientId: Text, scopes: Type.Array(Text, { maxItems: 32 }) }, closed)),
  },
  closed,
);

export const IssuersSchema = Type.Array(IssuerSchema, { maxItems: 64, default: [] });
export type IssuerConfig = Static<typeof IssuerSchema>;
