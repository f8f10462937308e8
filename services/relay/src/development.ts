/** Development mode: no file, a certificate made at the start, storage in memory, loopback only. */

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { ConfigError } from '@fairlead/config';
import * as x509 from '@peculiar/x509';
import type { RelayConfig } from './config.ts';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
export const DEVELOPMENT_CLUSTER = 'dev';

/**
 * Everybody with a service account of the cluster `dev` may use it; there is no issuer.
 * Throws ConfigError when asked to listen beyond loopback.
 */
export async function developmentConfig(listen: { host?: string; port?: number }): Promise<RelayConfig> {
  const host = listen.host ?? '127.0.0.1';
  if (!LOOPBACK.has(host)) {
    throw new ConfigError('ERR_CONFIG_INVALID', [
      {
        key: 'listen.host',
        problem: `development mode listens on loopback only, not on ${host}; write a configuration file and pass --config`,
      },
    ]);
  }
  return {
    listen: { host, port: listen.port ?? 8443 },
    internal: { host: '127.0.0.1', port: 9443 },
    tls: { certFile: '(made at the start)', keyFile: '(made at the start)' },
    tlsPem: await loopbackCertificate(),
    hosts: [],
    storage: { file: ':memory:' },
    issuers: [],
    access: [{ cluster: DEVELOPMENT_CLUSTER, serviceAccounts: ['*'] }],
    admins: { users: [], groups: [] },
    joinTokenTtl: '24h',
    logLevel: 'info',
    development: true,
  };
}

async function loopbackCertificate(): Promise<{ cert: string; key: string }> {
  x509.cryptoProvider.set(webcrypto as Crypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=fairlead-relay development',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 30 * 86_400_000),
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
  return { cert: certificate.toString('pem'), key };
}
