// HELLO and heartbeat: versions, capabilities, silence.
import t from 'tap';
import { FrameType } from '../src/constants.ts';
import { encodeFrame } from '../src/frame.ts';
import { Link, type LinkEnd, memoryPair, type MessageTransport } from '../src/index.ts';
import { linkPair, settled } from './pair.ts';

const options = { role: 'acceptor', software: 'x/1' } as const;
const hello = (value: unknown): Buffer =>
  encodeFrame(FrameType.HELLO, 0, 0, Buffer.from(JSON.stringify(value)));
const limits = { maxDataBytes: 16_360, maxMetaBytes: 65_536, initialWindowBytes: 16_384 };

t.test('capabilities are those that both name', async (t) => {
  const { a, b, close } = await linkPair(
    { capabilities: ['new', 'both'] },
    { capabilities: ['both', 'old'] },
  );
  t.same([...a.peer.capabilities], ['both']);
  t.same([...b.peer.capabilities], ['both']);
  t.equal(a.peer.software, 'test-b/1');
  close();
});

t.test('a later minor with members we do not know is welcome', async (t) => {
  const [left, right] = memoryPair();
  left.send(
    hello({
      protocol: { major: 1, minor: 7 },
      capabilities: ['z'],
      limits: { ...limits, more: 1 },
      software: 'y/2',
      also: [],
    }),
  );
  const link = await Link.connect(right, options);
  t.equal(link.peer.software, 'y/2');
  link.close();
});

const refused: [string, Buffer, string][] = [
  ['another major', hello({ protocol: { major: 2, minor: 0 } }), 'ERR_TUNNEL_VERSION'],
  [
    'a HELLO without limits',
    hello({ protocol: { major: 1, minor: 0 }, capabilities: [], software: 'x' }),
    'ERR_TUNNEL_PROTOCOL',
  ],
  ['a HELLO that is no JSON', encodeFrame(FrameType.HELLO, 0, 0, Buffer.from('{{')), 'ERR_TUNNEL_PROTOCOL'],
  ['another frame first', encodeFrame(FrameType.PING, 0, 0, Buffer.alloc(8)), 'ERR_TUNNEL_PROTOCOL'],
];
for (const [what, message, code] of refused) {
  t.test(`${what} is refused`, async (t) => {
    const [left, right] = memoryPair();
    left.send(message);
    await t.rejects(Link.connect(right, options), { code });
  });
}

t.test('both sides hear of differing majors, whoever sees it first', async (t) => {
  const [left, right] = memoryPair();
  const linking = Link.connect(right, options);
  left.send(encodeFrame(FrameType.GOAWAY, 0, 0, Buffer.from([0, 14, 0x6f, 0x6c, 0x64])));
  await t.rejects(linking, { code: 'ERR_TUNNEL_VERSION', message: 'old' });
});

t.test('no HELLO in time, or a connection lost before it, rejects', async (t) => {
  const [, right] = memoryPair();
  await t.rejects(Link.connect(right, { ...options, limits: { handshakeTimeoutMs: 20 } }), {
    code: 'ERR_TUNNEL_HANDSHAKE',
  });
  const [left2, right2] = memoryPair();
  const linking = Link.connect(right2, options);
  left2.terminate();
  await t.rejects(linking, { code: 'ERR_TUNNEL_HANDSHAKE' });
});

/** Passes messages on until `cut`; then silently drops them, as a dead path does. */
function cuttable(inner: MessageTransport): MessageTransport & { cut: boolean } {
  return {
    cut: false,
    send(message) {
      if (!this.cut) inner.send(message);
    },
    get bufferedBytes() {
      return inner.bufferedBytes;
    },
    get handler() {
      return inner.handler;
    },
    set handler(handler) {
      inner.handler = handler;
    },
    close() {},
    terminate() {},
  };
}

t.test('a silent cut is noticed by both ends, an idle link is not cut', async (t) => {
  const [left, right] = memoryPair();
  const [l, r] = [cuttable(left), cuttable(right)];
  const ends: LinkEnd[] = [];
  let bothGone = (): void => {};
  const gone = new Promise<void>((resolve) => (bothGone = resolve));
  const onClose = (end: LinkEnd): void => {
    ends.push(end);
    if (ends.length === 2) bothGone();
  };
  const fast = { pingIntervalMs: 20, pingTimeoutMs: 100 };
  const [a] = await Promise.all([
    Link.connect(l, { ...options, role: 'dialer', limits: fast, onClose }),
    Link.connect(r, { ...options, limits: fast, onClose }),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.same(ends, [], 'three timeouts long nothing but PINGs');
  t.ok(a.rttMs > 0);
  l.cut = true;
  r.cut = true;
  const from = performance.now();
  const keep = setInterval(() => {}, 10);
  await gone;
  clearInterval(keep);
  t.ok(performance.now() - from < 1000);
  t.same(
    ends.map((end) => end.name),
    ['LINK_LOST', 'LINK_LOST'],
  );
  await settled(1);
});
