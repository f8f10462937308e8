// Recognises the two protocol upgrades Kubernetes has; every other Upgrade is treated as an ordinary request.
import { canonicalName } from './header-names.ts';

export type UpgradeToken = 'websocket' | 'SPDY/3.1';

/**
 * The upgrade a request asks for: `Connection` names it, `Upgrade` is there once with one known token, and the method fits
 * (WebSocket: GET with a key, RFC 6455 section 4.1; SPDY: GET or POST, k8s.io/streaming/pkg/httpstream/spdy). Undefined for h2c,
 * TLS/1.0, lists and everything else: then Upgrade is dropped as a hop-by-hop header.
 */
export function upgradeToken(method: string, raw: readonly string[]): UpgradeToken | undefined {
  let asked = false;
  let keys = 0;
  let upgrade: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const value = raw[i + 1] ?? '';
    switch (canonicalName(raw[i] ?? '')) {
      case 'connection':
        if (value.split(',').some((p) => p.trim().toLowerCase() === 'upgrade')) asked = true;
        break;
      case 'upgrade':
        if (upgrade !== undefined) return undefined;
        upgrade = value.trim().toLowerCase();
        break;
      case 'sec-websocket-key':
        keys += 1;
        break;
      default:
    }
  }
  if (!asked || upgrade === undefined) return undefined;
  if (upgrade === 'websocket') return method === 'GET' && keys === 1 ? 'websocket' : undefined;
  if (upgrade === 'spdy/3.1') return method === 'GET' || method === 'POST' ? 'SPDY/3.1' : undefined;
  return undefined;
}

/** The hop-by-hop pair that asks for an upgrade, or grants it; written by whoever speaks HTTP on that hop. */
export function upgradeHeaders(token: UpgradeToken): string[] {
  return ['Connection', 'Upgrade', 'Upgrade', token];
}

/**
 * Whether a request's head announces a body. An upgrade never has one here: its bytes could be read as the body by one reader
 * and as the upgraded protocol by the next, and node:http hands over such a request with something that is no socket.
 */
export function announcesBody(raw: readonly string[]): boolean {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    if (name === 'transfer-encoding' || (name === 'content-length' && raw[i + 1] !== '0')) return true;
  }
  return false;
}
