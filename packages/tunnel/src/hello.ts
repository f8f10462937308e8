// HELLO: what each side says of itself before anything else, and what both then agree on.
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { PROTOCOL } from './constants.ts';
import { TunnelError } from './errors.ts';
import type { LinkLimits } from './limits.ts';

const Count = (minimum: number) => Type.Integer({ minimum, maximum: 0xffff_ffff });

const HelloSchema = Type.Object({
  protocol: Type.Object({ major: Count(0), minor: Count(0) }),
  capabilities: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 64 }),
  limits: Type.Object({
    maxDataBytes: Count(256),
    maxMetaBytes: Count(1024),
    initialWindowBytes: Count(4096),
  }),
  software: Type.String({ minLength: 1, maxLength: 128 }),
});
export type Hello = Type.Static<typeof HelloSchema>;

const VersionOnly = Compile(Type.Object({ protocol: Type.Object({ major: Count(0), minor: Count(0) }) }));
const WholeHello = Compile(HelloSchema);

export function encodeHello(limits: LinkLimits, software: string, capabilities: readonly string[]): Buffer {
  const hello: Hello = {
    protocol: { ...PROTOCOL },
    capabilities: [...capabilities],
    limits: {
      maxDataBytes: limits.maxDataBytes,
      maxMetaBytes: limits.maxMetaBytes,
      initialWindowBytes: limits.minWindowBytes,
    },
    software,
  };
  if (!WholeHello.Check(hello)) throw new TypeError('software or capabilities too long');
  return Buffer.from(JSON.stringify(hello));
}

/**
 * Reads the peer's HELLO; members it has beyond ours are ignored.
 * Throws TunnelError ERR_TUNNEL_VERSION when the major differs (whatever the rest looks like), else ERR_TUNNEL_PROTOCOL.
 */
export function decodeHello(payload: Buffer): Hello {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString());
  } catch (cause) {
    throw new TunnelError('ERR_TUNNEL_PROTOCOL', 'HELLO is not JSON', { cause });
  }
  if (VersionOnly.Check(value) && value.protocol.major !== PROTOCOL.major) {
    const text = `peer speaks protocol ${value.protocol.major}.${value.protocol.minor}, this side ${PROTOCOL.major}.${PROTOCOL.minor}`;
    throw new TunnelError('ERR_TUNNEL_VERSION', text);
  }
  if (!WholeHello.Check(value))
    throw new TunnelError('ERR_TUNNEL_PROTOCOL', 'HELLO lacks a member or has a wrong one');
  return value;
}
