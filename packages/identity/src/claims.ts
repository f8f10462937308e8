/** Verifies the signature of a token and the claims that every kind of token has. */
import { compactVerify } from 'jose';
import { IdentityError, type IdentityErrorCode } from './errors.ts';
import { type Claims, isObject, own } from './token.ts';

/** The claims of `token`, its signature verified. Throws IdentityError ERR_IDENTITY_SIGNATURE. */
export async function verifiedClaims(
  token: string,
  key: CryptoKey,
  algorithms: readonly string[],
): Promise<Claims> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [...algorithms] });
    const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
    if (isObject(claims)) return claims;
  } catch {
    // jose's errors may carry claims: they go no further
  }
  throw new IdentityError('ERR_IDENTITY_SIGNATURE', 'signature does not verify');
}

/**
 * Checks exp, nbf and iat as numbers of seconds; returns exp in milliseconds, undefined if there is none.
 * Throws IdentityError ERR_IDENTITY_CLAIM, _EXPIRED, _NOT_YET_VALID.
 */
export function checkTimes(
  claims: Claims,
  nowMs: number,
  skewSeconds: number,
  expRequired: boolean,
): number | undefined {
  const now = nowMs / 1000;
  const exp = seconds(claims, 'exp');
  if (exp === undefined && expRequired) throw refused('ERR_IDENTITY_CLAIM', "claim 'exp' is missing");
  if (exp !== undefined && exp + skewSeconds <= now)
    throw refused('ERR_IDENTITY_EXPIRED', 'token has expired');
  for (const name of ['nbf', 'iat']) {
    const from = seconds(claims, name);
    if (from !== undefined && from - skewSeconds > now) {
      throw refused('ERR_IDENTITY_NOT_YET_VALID', `claim '${name}' lies in the future`);
    }
  }
  return exp === undefined ? undefined : exp * 1000;
}

/**
 * Every audience of the token must be one of `accepted`: a token that is also meant for somebody else could be
 * replayed here by that somebody. Throws IdentityError ERR_IDENTITY_AUDIENCE.
 */
export function checkAudience(claims: Claims, accepted: ReadonlySet<string>): void {
  const value = own(claims, 'aud');
  const audiences: unknown[] = Array.isArray(value) ? value : [value];
  if (audiences.length === 0 || !audiences.every((aud) => typeof aud === 'string' && accepted.has(aud))) {
    throw refused('ERR_IDENTITY_AUDIENCE', 'token is for another audience');
  }
}

/** Throws IdentityError ERR_IDENTITY_CLAIM. */
export function checkRequired(claims: Claims, required: Readonly<Record<string, string>>): void {
  for (const [name, wanted] of Object.entries(required)) {
    const value = own(claims, name);
    if (value !== wanted && !(Array.isArray(value) && value.includes(wanted))) {
      throw refused('ERR_IDENTITY_CLAIM', `claim '${name}' is not as required`);
    }
  }
}

function seconds(claims: Claims, name: string): number | undefined {
  const value = own(claims, name);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw refused('ERR_IDENTITY_CLAIM', `claim '${name}' is no number`);
}

function refused(code: IdentityErrorCode, message: string): IdentityError {
  return new IdentityError(code, message);
}
