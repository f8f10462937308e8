/** OpenID Connect discovery: from an issuer to the address of its keys. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { IdentityError } from './errors.ts';
import type { IssuerClient } from './fetch-json.ts';
import { isObject } from './token.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
LINK_LOCAL.addSubnet('0.0.0.0', 8, 'ipv4');

/** https always; http only to a loopback address and only in development. */
export function isAllowedUrl(url: URL, development: boolean): boolean {
  if (url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return true;
  return development && url.protocol === 'http:' && isLoopback(url);
}

export function isLoopback(url: URL): boolean {
  return url.hostname === 'localhost' || inList(LOOPBACK, url);
}

function inList(list: BlockList, url: URL): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIPv4(host)) return list.check(host, 'ipv4');
  return isIPv6(host) && list.check(host, 'ipv6');
}

/**
 * Fetches the document at `configurationUrl` and returns its `jwks_uri`. Its `issuer` must be `issuer`, byte for byte
 * (OpenID Connect Discovery 1.0 section 4.3). Throws IdentityError ERR_IDENTITY_ISSUER_UNAVAILABLE.
 */
export async function discoverKeysUrl(
  client: Pick<IssuerClient, 'get'>,
  issuer: string,
  configurationUrl: URL,
  development: boolean,
): Promise<URL> {
  const document = parse(await client.get(configurationUrl), configurationUrl);
  if (document['issuer'] !== issuer) {
    throw unusable(configurationUrl, `names another issuer than '${issuer}'`);
  }
  const uri = document['jwks_uri'];
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw unusable(configurationUrl, 'has no jwks_uri');
  const url = new URL(uri);
  if (!isAllowedUrl(url, development)) throw unusable(configurationUrl, 'has a jwks_uri that is not https');
  // A provider out on the network has no reason to point into this machine or at a cloud's metadata service.
  if (inList(LINK_LOCAL, url) || (isLoopback(url) && !isLoopback(configurationUrl))) {
    throw unusable(configurationUrl, 'has a jwks_uri at a loopback or link-local address');
  }
  return url;
}

function parse(text: string, url: URL): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // falls through: the same answer
  }
  throw unusable(url, 'is no JSON object');
}

function unusable(url: URL, why: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_ISSUER_UNAVAILABLE', `discovery document ${url.href} ${why}`);
}
