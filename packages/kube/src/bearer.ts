// Finds the caller's one bearer token: in Authorization, or in the WebSocket subprotocol that browsers must use.
import { BEARER_SUBPROTOCOL } from './constants.ts';
import { KubeError } from './errors.ts';
import { canonicalName } from './header-names.ts';

const B64TOKEN = /^[A-Za-z0-9._~+/-]+=*$/; // RFC 6750 section 2.1

/**
 * The token, not verified in any way; undefined if the request has none.
 *
 * The subprotocol counts on WebSocket requests only, once, beside another protocol
 * (k8s.io/apiserver/pkg/authentication/request/websocket/protocol.go), and with Authorization only if both are the same.
 *
 * @throws KubeError ERR_KUBE_TOKEN_TWICE | _SCHEME | _EMPTY | _MALFORMED | _CONFLICT; the message never holds the token
 */
export function bearerToken(raw: readonly string[]): string | undefined {
  let authorization: string | undefined;
  let websocket = false;
  const protocols: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const value = raw[i + 1] ?? '';
    switch (canonicalName(raw[i] ?? '')) {
      case 'authorization':
        if (authorization !== undefined)
          throw new KubeError('ERR_KUBE_TOKEN_TWICE', 'Authorization is there twice');
        authorization = value;
        break;
      case 'upgrade':
        if (value.trim().toLowerCase() === 'websocket') websocket = true;
        break;
      case 'sec-websocket-protocol':
        for (const protocol of splitProtocols(value)) protocols.push(protocol);
        break;
      default:
    }
  }
  const fromHeader = authorization === undefined ? undefined : parseAuthorization(authorization);
  const fromProtocol = websocket ? parseProtocols(protocols) : undefined;
  if (fromHeader !== undefined && fromProtocol !== undefined && fromHeader !== fromProtocol) {
    throw new KubeError(
      'ERR_KUBE_TOKEN_CONFLICT',
      'Authorization and the WebSocket subprotocol hold different tokens',
    );
  }
  return fromHeader ?? fromProtocol;
}

/** Sec-WebSocket-Protocol without bearer entries; undefined if nothing is left. All else stays byte for byte. */
export function stripBearerProtocols(value: string): string | undefined {
  if (!value.toLowerCase().includes(BEARER_SUBPROTOCOL.slice(0, -1))) return value;
  const kept = splitProtocols(value).filter((p) => !isBearerProtocol(p));
  return kept.length === 0 ? undefined : kept.join(', ');
}

function parseAuthorization(value: string): string {
  const text = trimBlanks(value);
  const space = text.search(/[ \t]/);
  const scheme = space < 0 ? text : text.slice(0, space);
  const token = space < 0 ? '' : trimBlanks(text.slice(space));
  if (scheme === '') throw new KubeError('ERR_KUBE_TOKEN_EMPTY', 'Authorization is empty');
  if (scheme.toLowerCase() !== 'bearer') {
    throw new KubeError('ERR_KUBE_TOKEN_SCHEME', 'Authorization is not of the Bearer scheme');
  }
  return checked(token);
}

function parseProtocols(protocols: readonly string[]): string | undefined {
  const bearers = protocols.filter(isBearerProtocol);
  const first = bearers[0];
  if (first === undefined) return undefined;
  if (bearers.length > 1)
    throw new KubeError('ERR_KUBE_TOKEN_TWICE', 'the bearer subprotocol is there twice');
  if (protocols.length === 1) {
    throw new KubeError('ERR_KUBE_TOKEN_MALFORMED', 'the bearer subprotocol needs another one beside it');
  }
  const encoded = first.slice(BEARER_SUBPROTOCOL.length);
  if (!first.startsWith(BEARER_SUBPROTOCOL) || !/^[A-Za-z0-9_-]*$/.test(encoded)) {
    throw new KubeError(
      'ERR_KUBE_TOKEN_MALFORMED',
      'the bearer subprotocol is not base64url without padding',
    );
  }
  return checked(Buffer.from(encoded, 'base64url').toString('latin1'));
}

function checked(token: string): string {
  if (token === '') throw new KubeError('ERR_KUBE_TOKEN_EMPTY', 'the bearer token is empty');
  // Also refuses what is not UTF-8, and two credentials joined by a comma.
  if (!B64TOKEN.test(token))
    throw new KubeError('ERR_KUBE_TOKEN_MALFORMED', 'the bearer token has characters no token has');
  return token;
}

function isBearerProtocol(protocol: string): boolean {
  return protocol.toLowerCase().startsWith(BEARER_SUBPROTOCOL.slice(0, -1));
}

function splitProtocols(value: string): string[] {
  return value
    .split(',')
    .map((p) => p.trim())
    .filter((p) => p !== '');
}

/** Optional white space of RFC 9110 section 5.6.3, in linear time (a pattern would try every start). */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(char: number): boolean {
  return char === 0x20 || char === 0x09;
}
