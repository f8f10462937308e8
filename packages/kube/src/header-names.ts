// Which header names end at a proxy, which would forge an identity, and how names are compared.

/** Headers for one connection only (RFC 9110 section 7.6.1), those named in Connection apart. `expect` is answered by each server. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'proxy-authentication-info',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Request headers that never go on: the caller's credentials, and names by which a front proxy vouches for somebody. */
const STRIPPED = new Set(['authorization', 'cookie', 'cookie2', 'host', 'expect', 'forwarded', 'x-real-ip']);
const STRIPPED_PREFIXES = [
  'x-forwarded-',
  'x-remote-',
  'x-original-',
  'front-proxy-',
  'x-front-proxy-',
  'fairlead-',
  'x-fairlead-',
];

/**
 * The name as the most careless reader on the way could see it: trimmed, lower case, and every character that servers map to
 * a dash (`_`, `.`, space) as one. Two names with the same canonical form are the same header.
 */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return PLAIN.test(lower) ? lower : lower.trim().replace(/[^a-z0-9-]/g, '-');
}
const PLAIN = /^[a-z0-9-]+$/;

export function isHopByHop(canonical: string): boolean {
  return HOP_BY_HOP.has(canonical);
}

/** By prefix, so that an Impersonate-* header of a later Kubernetes is caught as well. */
export function isImpersonation(canonical: string): boolean {
  return canonical.startsWith('impersonate');
}

export function isStrippedFromRequests(canonical: string): boolean {
  if (STRIPPED.has(canonical)) return true;
  const first = canonical.charCodeAt(0);
  if (first !== 0x78 /* x */ && first !== 0x66 /* f */) return false;
  for (const prefix of STRIPPED_PREFIXES) if (canonical.startsWith(prefix)) return true;
  return canonical === 'x-remote' || canonical === 'x-forwarded' || canonical === 'x-original';
}

/** Canonical names listed in Connection headers. */
export function connectionNames(raw: readonly string[]): Set<string> | undefined {
  let names: Set<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (canonicalName(raw[i] ?? '') !== 'connection') continue;
    for (const part of (raw[i + 1] ?? '').split(',')) {
      const named = canonicalName(part.trim());
      // Content-Length frames the message: a peer that names it would make us lose the body's end.
      if (named === '' || named === 'content-length') continue;
      names ??= new Set();
      names.add(named);
    }
  }
  return names;
}
