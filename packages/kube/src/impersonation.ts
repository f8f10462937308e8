// Writes the Impersonate-* headers by which the agent becomes a user, and refuses identities nobody may become.
import { MAX_IMPERSONATION_BYTES } from './constants.ts';
import { KubeError } from './errors.ts';
import type { ImpersonatedIdentity } from './wire.ts';

/**
 * Raw header list for an identity, as client-go writes it (k8s.io/client-go/transport/round_trippers.go): user, uid, one
 * header a group, one header an extra value with the key percent-encoded. Values are UTF-8 bytes, one character a byte, as
 * node:http sends them.
 *
 * Refused: an empty, blank or padded user or group (HTTP trims values, so another name would arrive), control characters, and
 * everything in `system:`, which is the cluster's own space (system:masters passes all of RBAC).
 *
 * @throws KubeError ERR_KUBE_IDENTITY
 */
export function impersonationHeaders(identity: ImpersonatedIdentity): string[] {
  const headers = ['Impersonate-User', name(identity.user, 'user name')];
  if (identity.uid !== undefined) headers.push('Impersonate-Uid', text(identity.uid, 'uid'));
  for (const group of identity.groups) headers.push('Impersonate-Group', name(group, 'group'));
  for (const [key, values] of Object.entries(identity.extra ?? {})) {
    const header = `Impersonate-Extra-${escapeExtraKey(key)}`;
    for (const value of values) headers.push(header, value === '' ? '' : text(value, 'extra value'));
  }
  let bytes = 0;
  for (const part of headers) bytes += part.length + 2;
  if (bytes > MAX_IMPERSONATION_BYTES) throw refused('it has too many groups');
  return headers;
}

function name(value: string, what: string): string {
  const checked = text(value, what);
  if (value.startsWith('system:')) throw refused(`its ${what} begins with "system:"`);
  return checked;
}

function text(value: string, what: string): string {
  if (typeof value !== 'string' || value.trim() === '') throw refused(`its ${what} is empty`);
  if (value.trim() !== value) throw refused(`its ${what} begins or ends with white space`);
  if (/[\p{Cc}\u2028\u2029]/u.test(value)) throw refused(`its ${what} has a control character`);
  if (!value.isWellFormed()) throw refused(`its ${what} is not valid Unicode`);
  return Buffer.from(value, 'utf8').toString('latin1');
}

/**
 * client-go's headerKeyEscape: bytes that are no RFC 9110 token character, and `%`, as %XX. The API server lower-cases the
 * key before it decodes it, so a key with capitals would arrive as another one.
 */
function escapeExtraKey(key: string): string {
  text(key, 'extra key');
  if (/[A-Z]/.test(key)) throw refused('its extra key has capital letters');
  let out = '';
  for (const byte of Buffer.from(key, 'utf8')) {
    const char = String.fromCharCode(byte);
    out += /[a-z0-9!#$&'*+.^_`|~-]/.test(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

function refused(why: string): KubeError {
  return new KubeError('ERR_KUBE_IDENTITY', why);
}
