/** Takes a compact JWS apart without trusting it: sizes, shape and header rules before any key is looked for. */
import { hasDuplicateMember } from './json-members.ts';
import { IdentityError } from './errors.ts';

/** 200 group ids are about 10 kB of token; beyond this nothing sensible comes. */
export const MAX_TOKEN_BYTES = 24 * 1024;
const MAX_KID_CHARS = 256;
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Members that would let the token choose its own key or change how it is read (RFC 8725 sections 3.1, 3.10). */
const REFUSED_HEADERS = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc', 'cty', 'epk'];

export type Claims = Record<string, unknown>;

/** Nothing in here has been verified: the signature was not looked at. */
export interface UnverifiedToken {
  alg: string;
  kid: string | undefined;
  typ: string | undefined;
  iss: string;
}

/**
 * Reads what is needed to choose an issuer and its key.
 * Throws IdentityError ERR_IDENTITY_TOKEN_TOO_LARGE, _TOKEN_MALFORMED, _HEADER_REFUSED, _ALGORITHM, _ISSUER_UNKNOWN.
 */
export function peek(token: string): UnverifiedToken {
  if (token.length > MAX_TOKEN_BYTES) {
    throw new IdentityError('ERR_IDENTITY_TOKEN_TOO_LARGE', `token of more than ${MAX_TOKEN_BYTES} bytes`);
  }
  if (!COMPACT.test(token)) throw malformed('is not a signed JWT in compact form');
  const [head = '', body = ''] = token.split('.');
  const header = jsonObject(head, 'header');
  const claims = jsonObject(body, 'claims');
  for (const name of REFUSED_HEADERS) {
    if (Object.hasOwn(header, name)) {
      throw new IdentityError('ERR_IDENTITY_HEADER_REFUSED', `header member '${name}' is not accepted`);
    }
  }
  const kid = optionalString(header, 'kid');
  if (kid !== undefined && (kid === '' || kid.length > MAX_KID_CHARS)) {
    throw new IdentityError('ERR_IDENTITY_HEADER_REFUSED', `kid is empty or longer than ${MAX_KID_CHARS}`);
  }
  const alg = optionalString(header, 'alg');
  if (alg === undefined) throw new IdentityError('ERR_IDENTITY_ALGORITHM', 'no alg in the header');
  const iss = own(claims, 'iss');
  if (typeof iss !== 'string') throw new IdentityError('ERR_IDENTITY_ISSUER_UNKNOWN', 'no iss in the claims');
  return { alg, kid, typ: optionalString(header, 'typ'), iss };
}

/** A claim of the object's own; never one that it inherits. */
export function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

export function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function optionalString(header: Claims, name: string): string | undefined {
  const value = own(header, name);
  if (value !== undefined && typeof value !== 'string')
    throw malformed(`has a header member '${name}' that is no string`);
  return value;
}

function jsonObject(part: string, what: string): Claims {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(part, 'base64url'));
    value = JSON.parse(text);
  } catch {
    throw malformed(`has ${what} that are no JSON`); // no cause: its message would quote the token
  }
  if (!isObject(value)) throw malformed(`has ${what} that are no JSON object`);
  if (hasDuplicateMember(text)) throw malformed(`has ${what} with one member twice`);
  return value;
}

function malformed(why: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_TOKEN_MALFORMED', `token ${why}`);
}
