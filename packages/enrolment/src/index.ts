/** What relay and agent must agree on before a tunnel: keys, proofs and messages. */

export * from './errors.ts';
export * from './key-pair.ts';
export * from './messages.ts';
export * from './proof.ts';
