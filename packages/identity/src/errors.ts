/** What can go wrong between a bearer token and a principal. */

export type IdentityErrorCode =
  | 'ERR_IDENTITY_CONFIG' // an issuer's configuration cannot work; thrown by the constructor only
  | 'ERR_IDENTITY_TOKEN_TOO_LARGE'
  | 'ERR_IDENTITY_TOKEN_MALFORMED' // not a compact JWS of two JSON objects, or a member twice
  | 'ERR_IDENTITY_HEADER_REFUSED' // jwk, jku, x5u, x5c, crit, b64, … or an unreasonable kid
  | 'ERR_IDENTITY_ALGORITHM' // not among the issuer's pinned algorithms
  | 'ERR_IDENTITY_TYPE' // `typ` says that it is another kind of token
  | 'ERR_IDENTITY_ISSUER_UNKNOWN'
  | 'ERR_IDENTITY_ISSUER_UNAVAILABLE' // keys could not be had; trying again may help
  | 'ERR_IDENTITY_KEY_UNKNOWN'
  | 'ERR_IDENTITY_SIGNATURE'
  | 'ERR_IDENTITY_AUDIENCE'
  | 'ERR_IDENTITY_EXPIRED'
  | 'ERR_IDENTITY_NOT_YET_VALID'
  | 'ERR_IDENTITY_CLAIM' // a claim is missing, of the wrong type or not the required value
  | 'ERR_IDENTITY_TENANT'
  | 'ERR_IDENTITY_NAME' // user name empty, blank, with control characters or `system:`
  | 'ERR_IDENTITY_GROUPS'
  | 'ERR_IDENTITY_GROUP_OVERAGE' // the token holds a marker in place of its groups
  | 'ERR_IDENTITY_SERVICE_ACCOUNT'
  | 'ERR_IDENTITY_OVERLOADED'; // too many verifications wait for keys

const UNAVAILABLE: ReadonlySet<IdentityErrorCode> = new Set([
  'ERR_IDENTITY_ISSUER_UNAVAILABLE',
  'ERR_IDENTITY_OVERLOADED',
]);

/**
 * A token that was not accepted. The message is for the log and holds no part of the token's signature or of the
 * token as a whole; what a stranger may read is `publicMessage`, if there is one, else nothing but the status.
 */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: IdentityErrorCode;
  /** Status outside: 503 where trying again may help, else 401. */
  readonly status: 401 | 503;
  /** Words that help the token's owner and tell a stranger nothing. */
  readonly publicMessage: string | undefined;

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions & { publicMessage?: string }) {
    super(message, options);
    this.code = code;
    this.status = UNAVAILABLE.has(code) ? 503 : 401;
    this.publicMessage = options?.publicMessage;
  }
}
