// The decoder and a live link against random and mutated bytes, and round trips under any grouping of frames.
import * as fc from 'fast-check';
import t from 'tap';
import { decodeFrames, type FrameSink } from '../src/decode.ts';
import { encodeFrame } from '../src/frame.ts';
import { DEFAULT_LIMITS, TunnelError } from '../src/index.ts';
import { settled } from './pair.ts';
import { rawPeer } from './raw.ts';

const CASES = 1_000_000;

/** Small fast generator (xorshift32), so that a million cases take seconds; the seed is printed. */
function random(seed: number): (below: number) => number {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

const stream = fc.integer({ min: 1, max: 0xffff_ffff });
const frameArb = fc.oneof(
  fc.record({
    type: fc.constantFrom(3, 4),
    flags: fc.constantFrom(0, 1),
    stream,
    payload: fc.uint8Array({ maxLength: 200 }),
  }),
  fc.record({
    type: fc.constant(2),
    flags: fc.constantFrom(0, 1),
    stream,
    payload: fc.uint8Array({ minLength: 20, maxLength: 99 }),
  }),
  fc.record({
    type: fc.constant(6),
    flags: fc.constant(0),
    stream,
    payload: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  }),
  fc.record({ type: fc.constant(5), flags: fc.constant(0), stream, payload: fc.constant(new Uint8Array()) }),
  fc.record({
    type: fc.constantFrom(8, 9),
    flags: fc.constant(0),
    stream: fc.constant(0),
    payload: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  }),
  fc.record({
    type: fc.integer({ min: 100, max: 255 }),
    flags: fc.constant(0x80),
    stream,
    payload: fc.uint8Array({ maxLength: 50 }),
  }),
);

t.test('frames survive any grouping into messages', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(frameArb, { minLength: 1, maxLength: 8 }), { maxLength: 8 }),
      (messages) => {
        const seen: Buffer[] = [];
        const sink: FrameSink = {
          frame(type, flags, id, payload) {
            seen.push(encodeFrame(type, flags, id, payload));
            return true;
          },
        };
        const sent = messages.map((frames) =>
          frames.map((f) => encodeFrame(f.type, f.flags, f.stream, f.payload)),
        );
        for (const frames of sent) decodeFrames(Buffer.concat(frames), DEFAULT_LIMITS, sink);
        return Buffer.concat(seen).equals(Buffer.concat(sent.flat()));
      },
    ),
    { numRuns: 500 },
  );
});

t.test(
  `the decoder takes ${CASES} random and mutated messages without any other end than its own error`,
  async (t) => {
    const seed = (Date.now() & 0x7fff_ffff) | 1;
    t.comment(`seed ${seed}`);
    const rand = random(seed);
    const corpus = [
      encodeFrame(2, 1, 5, Buffer.alloc(40, 1)),
      Buffer.concat([encodeFrame(3, 0, 2, Buffer.from('head')), encodeFrame(4, 1, 2, Buffer.alloc(100, 7))]),
      Buffer.concat([
        encodeFrame(6, 0, 3, Buffer.alloc(4, 1)),
        encodeFrame(10, 0, 0, Buffer.alloc(6)),
        encodeFrame(8, 0, 0, Buffer.alloc(8)),
      ]),
      Buffer.concat([
        encodeFrame(7, 0, 3, Buffer.alloc(9, 65)),
        encodeFrame(5, 0, 9),
        encodeFrame(99, 0x80, 1, Buffer.alloc(3)),
      ]),
    ];
    let whole = 0;
    let refused = 0;
    let payloads = 0;
    const sink: FrameSink = {
      frame(_type, _flags, _id, payload) {
        payloads += payload.length;
        return true;
      },
    };
    for (let n = 0; n < CASES; n += 1) {
      const bytes = Buffer.from(corpus[rand(corpus.length)] as Buffer);
      const edits = rand(4);
      for (let e = 0; e < edits; e += 1) bytes[rand(bytes.length)] = rand(256);
      const cut = rand(3) === 0 ? bytes.subarray(0, rand(bytes.length + 1)) : bytes;
      if (rand(10) === 0) for (let at = 0; at < cut.length; at += 1) cut[at] = rand(256);
      try {
        decodeFrames(cut, DEFAULT_LIMITS, sink);
        whole += 1;
      } catch (error) {
        if (!(error instanceof TunnelError) || error.code !== 'ERR_TUNNEL_PROTOCOL') throw error;
        refused += 1;
      }
    }
    t.equal(whole + refused, CASES);
    t.ok(whole > CASES / 100 && refused > CASES / 100 && payloads > 0, `${whole} whole, ${refused} refused`);
  },
);

t.test('a live link takes mutated frames and always gives its reservations back', async (t) => {
  const seed = (Date.now() & 0x7fff_ffff) | 1;
  t.comment(`seed ${seed}`);
  const rand = random(seed);
  for (let round = 0; round < 300; round += 1) {
    const peer = await rawPeer({
      onStream(s) {
        s.handler = { data: (chunk) => s.consumed(rand(2) * chunk.length), end: () => s.end(), reset() {} };
        if (rand(2) === 0) s.head(Buffer.from('ok'));
        s.write(Buffer.alloc(rand(40_000)));
      },
    });
    let id = 1;
    for (let n = 0; n < 40 && peer.ends.length === 0; n += 1) {
      const type = [2, 2, 4, 4, 4, 3, 5, 6, 7, 8, 10, 12][rand(12)] as number;
      if (type === 2) id += 2;
      const on = type >= 8 ? 0 : rand(8) === 0 ? rand(20) : id;
      const payload =
        type === 2
          ? peer.open('m', rand(100_000))
          : Buffer.alloc([0, 0, 0, rand(9), rand(9000), 0, 4, 2, 8, 0, 6, 0, 1][type] ?? 0, 0x31);
      const frame = encodeFrame(type, type <= 4 ? rand(8) & 1 : 0, on, payload);
      if (rand(60) === 0) frame[rand(frame.length)] = rand(256);
      peer.bytes(frame);
      if (rand(6) === 0) await settled(2);
      const { unreadBytes, reservedBytes } = peer.link.stats;
      if (unreadBytes > reservedBytes) t.fail(`${unreadBytes} unread of ${reservedBytes} reserved`);
    }
    await settled(4);
    peer.link.terminate('round over');
    if (peer.ends.length !== 1) t.fail(`onClose called ${peer.ends.length} times`);
    if (peer.link.stats.reservedBytes !== 0 || peer.link.streams !== 0) t.fail('reservations kept');
  }
});
