// Which headers of a request and of an answer go on, decided the same way at relay and agent.
import { MAX_HEADER_BYTES } from './constants.ts';
import { stripBearerProtocols } from './bearer.ts';
import { KubeError } from './errors.ts';
import type { KubeErrorCode } from './errors.ts';
import {
  canonicalName,
  connectionNames,
  isHopByHop,
  isImpersonation,
  isStrippedFromRequests,
} from './header-names.ts';
import { rewriteLocation } from './location.ts';
import type { LocationRewrite } from './location.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 9110 section 5.6.2
const ILLEGAL_VALUE = /[^\t\x20-\x7e\x80-\xff]/; // CR, LF, NUL, other controls, and what is no byte

/**
 * A request's headers as they go on: hop-by-hop first (with those named in Connection), then credentials, Host, Expect and
 * everything that forges an identity. Trailers never get here: both servers drop them. Order and case are kept.
 *
 * Impersonate-* is refused, look-alikes (`impersonate_user`) are dropped: no honest client sends them, and some servers
 * read them as the real thing.
 *
 * @param raw name, value, … as node:http gives them (one character a byte)
 * @throws KubeError ERR_KUBE_IMPERSONATION_HEADER, ERR_KUBE_HEADERS, ERR_KUBE_HEADERS_TOO_LARGE
 */
export function forwardRequestHeaders(raw: readonly string[], opts: { maxBytes?: number } = {}): string[] {
  checkBlock(raw, opts.maxBytes ?? MAX_HEADER_BYTES, 'ERR_KUBE_HEADERS', 'ERR_KUBE_HEADERS_TOO_LARGE');
  const named = connectionNames(raw);
  const out: string[] = [];
  let length: string | undefined;
  let chunked = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    let value = raw[i + 1] ?? '';
    const canonical = canonicalName(name);
    if (isImpersonation(canonical)) {
      if (!name.trim().toLowerCase().startsWith('impersonate-')) continue;
      throw new KubeError('ERR_KUBE_IMPERSONATION_HEADER', 'the request has an Impersonate-* header');
    }
    checkPair(name, value, 'ERR_KUBE_HEADERS');
    if (name.includes('%')) continue; // `%49mpersonate-User`: legal, used by nobody, decoded by somebody
    if (canonical === 'transfer-encoding') chunked = true;
    if (isHopByHop(canonical) || named?.has(canonical) || isStrippedFromRequests(canonical)) continue;
    if (canonical === 'content-length') {
      if (name.toLowerCase() !== canonical) continue;
      if (length !== undefined || !/^\d{1,15}$/.test(value))
        throw badHeaders('Content-Length is wrong or there twice');
      length = value;
    } else if (canonical === 'sec-websocket-protocol') {
      const kept = stripBearerProtocols(value);
      if (kept === undefined) continue;
      value = kept;
    }
    out.push(name, value);
  }
  if (chunked && length !== undefined)
    throw badHeaders('Content-Length and Transfer-Encoding are both there');
  return out;
}

/**
 * An answer's headers as they go on: hop-by-hop dropped, Location kept under the cluster's prefix, all else as it is
 * (Audit-Id, Warning, X-Kubernetes-Pf-*, also Alt-Svc and Strict-Transport-Security). Two are filtered against the rule that
 * nothing else changes: Set-Cookie and Clear-Site-Data act on the whole host, which is the relay's and other clusters' too, and no
 * API server sends them; they come from what is behind a service proxy.
 *
 * @throws KubeError ERR_KUBE_RESPONSE: a name or value no answer may have, or more than 80 KiB
 */
export function forwardResponseHeaders(raw: readonly string[], rewrite: LocationRewrite): string[] {
  checkBlock(raw, MAX_HEADER_BYTES, 'ERR_KUBE_RESPONSE', 'ERR_KUBE_RESPONSE');
  const named = connectionNames(raw);
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    let value = raw[i + 1] ?? '';
    checkPair(name, value, 'ERR_KUBE_RESPONSE');
    const canonical = canonicalName(name);
    if (isHopByHop(canonical) || named?.has(canonical)) continue;
    if (canonical === 'set-cookie' || canonical === 'set-cookie2' || canonical === 'clear-site-data')
      continue;
    if (canonical === 'location') value = rewriteLocation(value, rewrite);
    out.push(name, value);
  }
  return out;
}

function checkBlock(
  raw: readonly string[],
  maxBytes: number,
  code: KubeErrorCode,
  tooLarge: KubeErrorCode,
): void {
  if (raw.length % 2 !== 0) throw new KubeError(code, 'a header has no value');
  let bytes = 0;
  for (const part of raw) bytes += part.length + 2;
  if (bytes > maxBytes)
    throw new KubeError(tooLarge, `the header block has ${bytes} bytes, at most ${maxBytes} are allowed`);
}

function checkPair(name: string, value: string, code: KubeErrorCode): void {
  if (!TOKEN.test(name)) throw new KubeError(code, 'a header has an illegal name');
  if (ILLEGAL_VALUE.test(value)) throw new KubeError(code, `header ${name} has an illegal character`);
}

function badHeaders(why: string): KubeError {
  return new KubeError('ERR_KUBE_HEADERS', why);
}
