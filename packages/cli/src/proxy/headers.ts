// Which headers the local proxy passes on, in both directions, as raw name-value lists.

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
]);

function pairs(raw: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) found.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return found;
}

/** Headers without those that concern one hop (RFC 9110 section 7.6.1), also those named in Connection, and `drop`. */
function endToEnd(raw: readonly string[], drop: readonly string[]): [string, string][] {
  const all = pairs(raw);
  const gone = new Set([...HOP_BY_HOP, ...drop]);
  for (const [name, value] of all) {
    if (name.toLowerCase() === 'connection')
      for (const token of value.split(',')) gone.add(token.trim().toLowerCase());
  }
  return all.filter(([name]) => !gone.has(name.toLowerCase()));
}

/** Raw headers for the relay: the local secret replaced by the user's token, Host by the relay's. */
export function toRelay(
  raw: readonly string[],
  host: string,
  token: string,
  upgrade: string | undefined,
): string[] {
  const kept = endToEnd(raw, ['host', 'authorization', 'cookie', 'expect']);
  const connection = upgrade === undefined ? [] : ['Connection', 'Upgrade', 'Upgrade', upgrade];
  return ['Host', host, ...kept.flat(), ...connection, 'Authorization', `Bearer ${token}`];
}

/** Raw headers for the local client. A `Location` under the cluster's path at the relay is brought back to our root; Node frames the body anew. */
export function toClient(raw: readonly string[], relayOrigin: string, prefix: string): string[] {
  const kept = endToEnd(raw, ['transfer-encoding']);
  return kept.flatMap(([name, value]) => [
    name,
    name.toLowerCase() === 'location' ? local(value, relayOrigin, prefix) : value,
  ]);
}

function local(location: string, relayOrigin: string, prefix: string): string {
  const path = location.startsWith(`${relayOrigin}/`) ? location.slice(relayOrigin.length) : location;
  if (path === prefix) return '/';
  if (path.startsWith(`${prefix}/`)) return path.slice(prefix.length);
  return path.startsWith(`${prefix}?`) ? `/${path.slice(prefix.length)}` : location;
}
