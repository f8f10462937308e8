// The one place where a request target is split into cluster and remainder, once, on the raw string.
import { CLUSTERS_PREFIX } from './constants.ts';
import { KubeError } from './errors.ts';

const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A DNS label (RFC 1123), 1 to 63 characters, lower case. */
export function isClusterName(name: string): boolean {
  return DNS_LABEL.test(name);
}

/** Whether a method may be passed on. CONNECT and TRACE mean something to the proxy itself (RFC 9110 section 9.3). */
export function isForwardableMethod(method: string): boolean {
  return method !== 'CONNECT' && method !== 'TRACE' && /^[A-Z]{1,32}$/.test(method);
}

/**
 * Splits `/clusters/demo/api/v1?x` into `demo` and `/api/v1?x`. The remainder is the received bytes, never decoded, cleaned
 * or re-encoded; an empty path becomes `/`. So what is authorized is what is routed.
 *
 * Dot segments are refused, also percent-encoded ones: servers and clients on the way clean or redirect them, each in its
 * own manner, and then two readers see two paths. `//` and `%2F` are legitimate and kept.
 *
 * @throws KubeError ERR_KUBE_TARGET
 */
export function parseClusterTarget(rawUrl: string): { cluster: string; target: string } {
  // Absolute form, authority form (CONNECT), `*` and userinfo all lack the leading `/clusters/`.
  if (!rawUrl.startsWith(CLUSTERS_PREFIX)) throw bad('it does not begin with /clusters/');
  const start = CLUSTERS_PREFIX.length;
  const end = indexOfEither(rawUrl, start);
  const cluster = rawUrl.slice(start, end);
  if (!isClusterName(cluster)) {
    throw bad("the cluster's name is not 1 to 63 lower-case letters, digits and inner dashes");
  }
  const rest = rawUrl.slice(end);
  const target = rest.startsWith('/') ? rest : `/${rest}`;
  checkTarget(target);
  return { cluster, target };
}

/**
 * Checks a remainder (begins with `/`) as parseClusterTarget does; the agent calls it again on what a relay sends.
 * @throws KubeError ERR_KUBE_TARGET
 */
export function checkTarget(target: string): void {
  if (!target.startsWith('/')) throw bad('it does not begin with /');
  if (/[^!-~\u0080-\u00ff]/.test(target)) throw bad('it has a space or control character');
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  // A request target has no fragment (RFC 9112 section 3.2); where one begins, two readers of the path may disagree.
  if (path.includes('#')) throw bad('it has a fragment');
  if (path.includes('\\')) throw bad('it has a backslash');
  if (hasDotSegment(path)) throw bad('it has a "." or ".." segment');
}

/** Whether a path (no query) has a segment `.` or `..`, with dots and slashes percent-encoded or not. */
export function hasDotSegment(path: string): boolean {
  if (!path.includes('.') && !path.includes('%')) return false;
  const decoded = path.includes('%') ? path.replace(/%2e/gi, '.').replace(/%2f/gi, '/') : path;
  return /(?:^|\/)\.{1,2}(?:\/|$)/.test(decoded);
}

function indexOfEither(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x2f /* / */ || c === 0x3f /* ? */) return i;
  }
  return text.length;
}

function bad(why: string): KubeError {
  return new KubeError('ERR_KUBE_TARGET', why);
}
