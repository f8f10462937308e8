/**
 * Proof of possession: what an agent signs to enrol and to open each link.
 *
 * Each signature covers a purpose, the relay that was dialled and a value that the relay chose or only the holder of the
 * join token knows, so that a signature can be used neither for the other purpose, nor at another relay, nor again.
 */

import { createHash, sign, verify } from 'node:crypto';
import { importPublicKey, type AgentKey } from './key-pair.ts';

const ENROL_PURPOSE = 'fairlead-enrol-v1';
const LINK_PURPOSE = 'fairlead-link-v1';

/** `audience` is the host[:port] that the agent dialled, in lower case. */
export interface EnrolClaims {
  joinToken: string;
  publicKey: string;
  audience: string;
}

/** `nonce` is the relay's challenge, base64url; `instance` names the agent process. */
export interface LinkClaims {
  nonce: string;
  keyId: string;
  instance: string;
  audience: string;
}

export function signEnrolment(key: AgentKey, claims: EnrolClaims): string {
  return sign(null, enrolMessage(claims), key.privateKey).toString('base64url');
}

/** True only if the holder of `claims.publicKey` signed exactly these claims. Throws ERR_ENROLMENT_KEY on a malformed key. */
export function verifyEnrolment(claims: EnrolClaims, signature: string): boolean {
  return verify(
    null,
    enrolMessage(claims),
    importPublicKey(claims.publicKey),
    Buffer.from(signature, 'base64url'),
  );
}

export function signLink(key: AgentKey, claims: LinkClaims): string {
  return sign(null, linkMessage(claims), key.privateKey).toString('base64url');
}

/** True only if the holder of `publicKey` signed exactly these claims. Throws ERR_ENROLMENT_KEY on a malformed key. */
export function verifyLink(publicKey: string, claims: LinkClaims, signature: string): boolean {
  return verify(null, linkMessage(claims), importPublicKey(publicKey), Buffer.from(signature, 'base64url'));
}

/** The host[:port] that both ends name the relay by, from the URL that the agent dials. */
export function audienceOf(relayUrl: URL): string {
  return relayUrl.host.toLowerCase();
}

function enrolMessage(claims: EnrolClaims): Buffer {
  // Only the token's hash is signed: the message may then be logged or kept without giving the token away.
  const tokenHash = createHash('sha256').update(claims.joinToken).digest('base64url');
  return message(ENROL_PURPOSE, [claims.audience, tokenHash, claims.publicKey]);
}

function linkMessage(claims: LinkClaims): Buffer {
  return message(LINK_PURPOSE, [claims.audience, claims.nonce, claims.keyId, claims.instance]);
}

/** JSON keeps the parts apart whatever they contain. */
function message(purpose: string, parts: string[]): Buffer {
  return Buffer.from(JSON.stringify([purpose, ...parts]));
}
