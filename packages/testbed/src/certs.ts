// A throw-away certificate authority for tests and the demo.
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface IssueOptions {
  commonName: string;
  /** Subject's organisations; Kubernetes reads them as groups of a client certificate. */
  organizations?: string[];
  /** DNS names and IP addresses. Default: localhost, 127.0.0.1, ::1. */
  names?: string[];
  /** From now; negative for a certificate that has expired. Default 30 days. */
  validForMs?: number;
}

/** PEM texts; `key` is PKCS#8. */
export interface IssuedCert {
  key: string;
  cert: string;
}

export interface Ca {
  /** PEM of the authority's own certificate: what clients trust. */
  readonly cert: string;
  readonly key: string;
  /** A certificate for servers and clients alike. */
  issue(options: IssueOptions): Promise<IssuedCert>;
}

/** Makes an authority with a fresh key (ECDSA P-256). Nothing is written to disk. */
export async function makeCa(commonName = 'fairlead test CA'): Promise<Ca> {
  const keys = await newKeys();
  const now = Date.now();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: new x509.Name([{ CN: [commonName] }]),
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + 365 * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    cert: root.toString('pem'),
    key: await privatePem(keys.privateKey),
    issue: (options) => issue(root, keys.privateKey, options),
  };
}

async function issue(
  root: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
  o: IssueOptions,
): Promise<IssuedCert> {
  const keys = await newKeys();
  const now = Date.now();
  const names = o.names ?? ['localhost', '127.0.0.1', '::1'];
  const subject: x509.JsonName = [];
  for (const organization of o.organizations ?? []) subject.push({ O: [organization] });
  subject.push({ CN: [o.commonName] });
  const notAfter = now + (o.validForMs ?? 30 * DAY_MS);
  const cert = await x509.X509CertificateGenerator.create({
    subject: new x509.Name(subject),
    issuer: root.subjectName,
    notBefore: new Date(Math.min(now, notAfter) - DAY_MS),
    notAfter: new Date(notAfter),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(root),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await privatePem(keys.privateKey), cert: cert.toString('pem') };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
