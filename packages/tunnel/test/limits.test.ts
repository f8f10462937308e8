// Each limit of a link, gone over by a peer that writes its frames by hand.
import t from 'tap';
import { Flag, FrameType, ResetCode } from '../src/constants.ts';
import { type LinkOptions, MemoryBudget, type Stream, verifyLimits } from '../src/index.ts';
import { collector, linkPair, settled } from './pair.ts';
import { rawPeer } from './raw.ts';

const take = (streams: Stream[] = []): Pick<LinkOptions, 'onStream'> => ({
  onStream(stream) {
    streams.push(stream);
    stream.handler = { data() {}, end() {}, reset() {} };
  },
});

t.test('a limit out of its bounds is named', async (t) => {
  t.throws(() => verifyLimits({ maxDataBytes: 0 }), { code: 'ERR_TUNNEL_LIMITS', message: /maxDataBytes/ });
  t.throws(() => verifyLimits({ openBurst: Number.POSITIVE_INFINITY }), { message: /openBurst/ });
  t.throws(() => verifyLimits({ minWindowBytes: 1 << 20 }), {
    message: /minWindowBytes must not exceed initial/,
  });
  t.throws(() => verifyLimits({ maxMetaBytes: 1 << 20 }), { message: /maxMessageBytes/ });
});

const linkErrors: [string, Partial<LinkOptions>, (peer: Awaited<ReturnType<typeof rawPeer>>) => void][] = [
  ['an unknown frame type without the skip flag', {}, (p) => p.send(77)],
  ['bytes after the last whole frame', {}, (p) => p.bytes(Buffer.from([1, 2, 3]))],
  ['an empty message', {}, (p) => p.bytes(Buffer.alloc(0))],
  ['reserved bits', {}, (p) => p.bytes(Buffer.from('060000010000000000000000', 'hex'))],
  ['DATA above maxDataBytes', take(), (p) => (p.send(2, 1, p.open()), p.send(4, 1, Buffer.alloc(16_361)))],
  ['OPEN above maxMetaBytes', take(), (p) => p.send(2, 1, p.open(Buffer.alloc(256 * 1024 + 1)))],
  ['INFO above maxMetaBytes', {}, (p) => p.send(12, 0, Buffer.alloc(256 * 1024 + 1, 0x20))],
  ['INFO that is no JSON', {}, (p) => p.send(12, 0, Buffer.from('{'))],
  ['a message above maxMessageBytes', {}, (p) => p.bytes(Buffer.alloc(1024 * 1024 + 1))],
  ['RESET text above 1 KiB', {}, (p) => p.send(7, 1, Buffer.alloc(1027))],
  ['HELLO twice', {}, (p) => p.send(1, 0, Buffer.from('{}'))],
  ['CREDIT of nothing', take(), (p) => (p.send(2, 1, p.open()), p.send(6, 1, Buffer.alloc(4)))],
  ['ACK of what was never sent', {}, (p) => p.send(10, 0, Buffer.alloc(6, 1))],
  ['a stream id of the wrong parity', take(), (p) => p.send(2, 2, p.open())],
  ['a stream id used twice', take(), (p) => (p.send(2, 3, p.open()), p.send(2, 3, p.open()))],
  ['a stream id that goes back', take(), (p) => (p.send(2, 5, p.open()), p.send(2, 3, p.open()))],
  ['DATA on a stream nobody opened', {}, (p) => p.send(4, 9, Buffer.from('x'))],
  ['DATA on a stream this side did not open', {}, (p) => p.send(4, 2, Buffer.from('x'))],
  [
    'a PING flood',
    {},
    (p) => {
      for (let n = 0; n < 60; n += 1) p.send(8, 0, Buffer.alloc(8));
    },
  ],
  [
    'an INFO flood',
    {},
    (p) => {
      for (let n = 0; n < 60; n += 1) p.send(12, 0, Buffer.from('1'));
    },
  ],
  [
    'a flood of empty DATA',
    { ...take(), limits: { idleFrameRatePerSecond: 100, idleFrameBurst: 100 } },
    (p) => {
      p.send(2, 1, p.open());
      for (let n = 0; n < 200; n += 1) p.send(4, 1);
    },
  ],
  [
    'a flood of RESETs of closed streams',
    { ...take(), limits: { idleFrameRatePerSecond: 100, idleFrameBurst: 100 } },
    (p) => {
      p.send(2, 1, p.open());
      for (let n = 0; n < 200; n += 1) p.send(7, 1, Buffer.from([0, 1]));
    },
  ],
  [
    'a flood of skippable frames',
    { limits: { idleFrameRatePerSecond: 100, idleFrameBurst: 100 } },
    (p) => {
      for (let n = 0; n < 200; n += 1) p.send(99, 0, Buffer.alloc(0), Flag.SKIPPABLE);
    },
  ],
];

for (const [what, options, provoke] of linkErrors) {
  t.test(`${what} ends the link as a protocol error`, async (t) => {
    const peer = await rawPeer(options);
    provoke(peer);
    await settled();
    t.equal(peer.ends.length, 1, 'exactly once');
    t.equal(peer.ends[0]?.code, ResetCode.PROTOCOL);
    const said = peer.frames.find((f) => f.type === FrameType.GOAWAY);
    t.equal(said?.payload.readUInt16BE(0), ResetCode.PROTOCOL, 'the peer is told');
    t.equal(peer.link.stats.reservedBytes, 0);
  });
}

t.test('an unknown type with the skip flag, CREDIT and RESET of a closed stream are skipped', async (t) => {
  const peer = await rawPeer(take());
  peer.send(99, 12_345, Buffer.from('new'), Flag.SKIPPABLE);
  peer.send(FrameType.OPEN, 1, peer.open());
  peer.send(FrameType.RESET, 1, Buffer.from([0, 1]));
  peer.send(FrameType.RESET, 1, Buffer.from([0, 1]));
  peer.send(FrameType.CREDIT, 1, Buffer.from([0, 0, 0, 1]));
  peer.send(FrameType.DATA, 1, Buffer.from('late'));
  await settled();
  t.same(peer.ends, []);
  t.same(peer.resets(), []);
  t.equal(peer.link.streams, 0);
  peer.link.close();
});

t.test('breaches of one stream reset that stream and leave the link up', async (t) => {
  const streams: Stream[] = [];
  const codes: number[] = [];
  const peer = await rawPeer({
    onStream(stream) {
      streams.push(stream);
      stream.handler = { data() {}, end() {}, reset: (code) => void codes.push(code) };
    },
  });
  peer.send(FrameType.OPEN, 1, peer.open());
  peer.send(FrameType.END, 1);
  peer.send(FrameType.DATA, 1, Buffer.from('after end'));
  peer.send(FrameType.OPEN, 3, peer.open(), Flag.END);
  peer.send(FrameType.END, 3);
  peer.send(FrameType.OPEN, 5, peer.open());
  peer.send(FrameType.HEAD, 5, Buffer.from('from the opener'));
  peer.send(FrameType.OPEN, 7, peer.open());
  peer.send(FrameType.CREDIT, 7, Buffer.from([0x7f, 0xff, 0xff, 0xff]));
  await settled();
  t.same(peer.resets(), [
    [1, 3],
    [3, 3],
    [5, 3],
    [7, 4],
  ]);
  t.same(codes, [3, 3, 3, 4]);
  t.same(peer.ends, []);
  t.equal(peer.link.stats.reservedBytes, 0);
  peer.link.close();
});

t.test('more than the window resets the stream with FLOW; unread never exceeds it', async (t) => {
  const streams: Stream[] = [];
  const peer = await rawPeer(take(streams));
  peer.send(FrameType.OPEN, 1, peer.open());
  for (let n = 0; n < 17; n += 1) {
    peer.send(FrameType.DATA, 1, Buffer.alloc(16_000));
    await settled(2);
    t.ok((streams[0]?.unreadBytes ?? 0) <= 256 * 1024);
  }
  await settled();
  t.same(peer.resets(), [[1, ResetCode.FLOW]]);
  t.equal(peer.link.stats.unreadBytes, 0);
  peer.link.close();
});

t.test('HEAD twice resets the stream of its opener', async (t) => {
  const peer = await rawPeer();
  const got = collector();
  got.stream = peer.link.open(Buffer.from('x'), got.handler);
  await settled();
  peer.send(FrameType.HEAD, 2, Buffer.from('one'));
  peer.send(FrameType.HEAD, 2, Buffer.from('two'));
  await got.done;
  t.equal(got.resetCode, ResetCode.PROTOCOL);
  t.equal(got.head?.toString(), 'one');
  peer.link.close();
});

t.test('streams opened too fast are OVERLOADED, others go on', async (t) => {
  const streams: Stream[] = [];
  const peer = await rawPeer({ ...take(streams), limits: { openRatePerSecond: 1, openBurst: 10 } });
  for (let id = 1; id < 41; id += 2) peer.send(FrameType.OPEN, id, peer.open());
  await settled();
  t.equal(streams.length, 10);
  t.same(
    peer.resets().map(([, code]) => code),
    Array.from({ length: 10 }, () => ResetCode.OVERLOADED),
  );
  t.same(peer.ends, []);
  for (let n = 0; n < 10; n += 1) peer.link.open(Buffer.alloc(0), collector().handler);
  t.throws(() => peer.link.open(Buffer.alloc(0), collector().handler), { code: 'ERR_TUNNEL_OPEN_RATE' });
  peer.link.close();
});

t.test('windows shrink as the budget fills, then streams are OVERLOADED, and all comes back', async (t) => {
  const budget = new MemoryBudget(2 * 1024 * 1024);
  const { a, b, close } = await linkPair(take(), { budget });
  const open: Stream[] = [];
  const sizes = new Set<number>();
  t.throws(
    () => {
      for (;;) {
        const stream = a.open(Buffer.alloc(0), collector().handler, { end: true });
        open.push(stream);
        sizes.add(stream.receiving.sizeBytes);
      }
    },
    { code: 'ERR_TUNNEL_BUDGET' },
  );
  t.same([...sizes], [262_144, 65_536, 16_384]);
  t.ok(budget.reserved <= budget.bytes);
  await settled();
  t.equal(b.streams, open.length);
  for (const stream of open) stream.reset(ResetCode.CANCEL);
  await settled();
  t.equal(budget.reserved, 0);
  t.equal(b.streams, 0);
  close();
  const peer = await rawPeer({ ...take(), budget: new MemoryBudget(65_536) });
  for (let id = 1; id < 12; id += 2) peer.send(FrameType.OPEN, id, peer.open());
  await settled();
  t.same(peer.resets(), [
    [9, ResetCode.OVERLOADED],
    [11, ResetCode.OVERLOADED],
  ]);
  peer.link.close();
});

t.test('a writer that ignores false is stopped by an error', async (t) => {
  const { a, close } = await linkPair(take(), {
    limits: { queueHighWaterBytes: 65_536, queueMaxBytes: 131_072 },
  });
  const stream = a.open(Buffer.alloc(0), collector().handler);
  t.equal(stream.write(Buffer.alloc(1000)), true);
  t.equal(stream.write(Buffer.alloc(100_000)), false);
  t.equal(stream.write(Buffer.alloc(100_000)), false);
  t.throws(() => stream.write(Buffer.alloc(1)), { code: 'ERR_TUNNEL_OVERRUN' });
  stream.end();
  t.throws(() => stream.write(Buffer.alloc(1)), { code: 'ERR_TUNNEL_STATE' });
  t.throws(() => a.open(Buffer.alloc(300_000), collector().handler), { code: 'ERR_TUNNEL_TOO_LARGE' });
  close();
});
