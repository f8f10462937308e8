/** An agent's Ed25519 key pair: made in the cluster, its private half never leaves it. */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { EnrolmentError } from './errors.ts';

export interface AgentKey {
  readonly privateKey: KeyObject;
  /** base64url of the 32 raw bytes (RFC 8037, `x`). */
  readonly publicKey: string;
  /** base64url of SHA-256 over the raw public key: how registry, logs and proofs name the key. */
  readonly keyId: string;
}

const RAW_KEY_BYTES = 32;

/** Makes a fresh pair. */
export function newAgentKey(): AgentKey {
  return fromPrivateKey(generateKeyPairSync('ed25519').privateKey);
}

/** Reads a pair from PKCS #8 PEM text. Throws ERR_ENROLMENT_KEY when it is anything but an Ed25519 private key. */
export function parseAgentKey(pem: string): AgentKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new EnrolmentError('ERR_ENROLMENT_KEY', 'the agent key is not a PEM private key', { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new EnrolmentError(
      'ERR_ENROLMENT_KEY',
      `the agent key must be Ed25519, not ${key.asymmetricKeyType}`,
    );
  }
  return fromPrivateKey(key);
}

/** PKCS #8 PEM of the private half, to be kept in a Secret or a 0600 file. */
export function exportAgentKey(key: AgentKey): string {
  return key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The id of a public key given as base64url. Throws ERR_ENROLMENT_KEY unless it is 32 bytes. */
export function keyIdOf(publicKey: string): string {
  return createHash('sha256').update(rawPublicKey(publicKey)).digest('base64url');
}

/** A KeyObject of a public key given as base64url. */
export function importPublicKey(publicKey: string): KeyObject {
  rawPublicKey(publicKey);
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
}

function fromPrivateKey(privateKey: KeyObject): AgentKey {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (typeof x !== 'string')
    throw new EnrolmentError('ERR_ENROLMENT_KEY', 'the agent key has no public half');
  return { privateKey, publicKey: x, keyId: keyIdOf(x) };
}

function rawPublicKey(publicKey: string): Buffer {
  const raw = Buffer.from(publicKey, 'base64url');
  if (raw.length !== RAW_KEY_BYTES || raw.toString('base64url') !== publicKey) {
    throw new EnrolmentError('ERR_ENROLMENT_KEY', 'an agent public key must be 32 bytes in base64url');
  }
  return raw;
}
