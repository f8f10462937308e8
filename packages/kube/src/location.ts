// Keeps an answer's Location under the cluster's prefix, so that a redirect stays true for who follows it.
import { hasDotSegment } from './target.ts';

export interface LocationRewrite {
  /** `/clusters/demo`, no slash at the end. */
  prefix: string;
  /** `host` or `host:port` by which the API server may call itself; a name without port means any port. Lower case. */
  ownHosts: readonly string[];
}

/**
 * Rewrites an absolute path or a URL of the API server itself to `prefix` + path; all else is returned unchanged:
 * relative references are true already, and other hosts are not ours.
 */
export function rewriteLocation(value: string, rewrite: LocationRewrite): string {
  const match = /^(?:https?:)?\/\/([^/?#\\@]*)([/?#].*)?$/is.exec(value);
  if (match) {
    if (!isOwnHost(match[1] ?? '', rewrite.ownHosts)) return value;
    const rest = match[2] ?? '/';
    return under(rewrite.prefix, rest.startsWith('/') ? rest : `/${rest}`);
  }
  if (!value.startsWith('/') || value.startsWith('//')) return value;
  return under(rewrite.prefix, value);
}

function under(prefix: string, target: string): string {
  const path = /^[^?#]*/.exec(target)?.[0] ?? '';
  // A client would resolve `/../other` against our prefix and arrive at another cluster: resolve it below the root first.
  if (hasDotSegment(path) || path.includes('\\')) {
    const url = new URL(`http://x${target}`);
    return prefix + url.pathname + url.search + url.hash;
  }
  return prefix + target;
}

function isOwnHost(authority: string, ownHosts: readonly string[]): boolean {
  const name = authority.toLowerCase();
  if (name === '') return false;
  return ownHosts.includes(name) || ownHosts.includes(name.replace(/:\d+$/, ''));
}
