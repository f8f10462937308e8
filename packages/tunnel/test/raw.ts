// A peer that writes its frames by hand, to say what no link of ours would.
import { FrameType } from '../src/constants.ts';
import { decodeFrames } from '../src/decode.ts';
import { encodeFrame } from '../src/frame.ts';
import { encodeHello } from '../src/hello.ts';
import { DEFAULT_LIMITS, Link, type LinkEnd, type LinkOptions, memoryPair } from '../src/index.ts';
import { settled } from './pair.ts';

export interface RawFrame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/** A link (acceptor) whose peer is `send`; `frames` are those it answered. */
export async function rawPeer(options: Partial<LinkOptions> = {}) {
  const [left, right] = memoryPair({ messagesPerTurn: 100_000 });
  const frames: RawFrame[] = [];
  const ends: LinkEnd[] = [];
  const sink = {
    frame(type: number, flags: number, stream: number, payload: Buffer): boolean {
      frames.push({ type, flags, stream, payload });
      return true;
    },
  };
  left.handler = { message: (data) => decodeFrames(data, DEFAULT_LIMITS, sink), drain() {}, closed() {} };
  const linking = Link.connect(right, {
    role: 'acceptor',
    software: 'link/1',
    ...options,
    onClose: (end) => void ends.push(end),
  });
  left.send(encodeFrame(FrameType.HELLO, 0, 0, encodeHello(DEFAULT_LIMITS, 'raw/1', ['x'])));
  const link = await linking;
  await settled();
  frames.length = 0;
  return {
    link,
    frames,
    ends,
    /** Sends one frame in a message of its own. */
    send(type: number, stream = 0, payload: Uint8Array = Buffer.alloc(0), flags = 0): void {
      left.send(encodeFrame(type, flags, stream, payload));
    },
    bytes: (message: Buffer) => left.send(message),
    /** Payload of an OPEN with the given metadata and window. */
    open(meta: string | Buffer = '', window = 65_536): Buffer {
      const prefix = Buffer.alloc(20, 1);
      prefix.writeUInt32BE(window, 16);
      return Buffer.concat([prefix, Buffer.from(meta)]);
    },
    resets: () =>
      frames.filter((f) => f.type === FrameType.RESET).map((f) => [f.stream, f.payload.readUInt16BE(0)]),
  };
}
