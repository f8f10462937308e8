// Interactive before bulk on a slow link, and bulk that never starves; one message a turn makes it deterministic.
import t from 'tap';
import type { LinkLimits, Stream } from '../src/index.ts';
import { collector, echo, linkPair } from './pair.ts';

const MESSAGE = 16 * 1024;

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

/** Bytes of bulk that arrive between a keystroke and its echo. */
async function bulkBeforeEcho(
  limits: Partial<LinkLimits>,
): Promise<{ most: number; bulk: number; close(): void }> {
  const chunk = Buffer.alloc(65_536);
  const onStream = (stream: Stream): void => {
    if (stream.meta.toString() === 'echo') return echo(stream);
    const pump = (): void => {
      while (stream.write(chunk));
    };
    stream.handler = { data() {}, end() {}, reset() {}, writable: pump };
    pump();
  };
  const { a, close } = await linkPair({ onStream, limits }, { limits }, { messagesPerTurn: 1 });
  let bulk = 0;
  const download: Stream = a.open(
    Buffer.from('bulk'),
    {
      data(bytes) {
        bulk += bytes.length;
        download.consumed(bytes.length);
      },
      end() {},
      reset() {},
    },
    { end: true },
  );
  await until(() => bulk >= 4 * 1024 * 1024);
  let most = 0;
  for (let n = 0; n < 30; n += 1) {
    const got = collector();
    const before = bulk;
    got.stream = a.open(Buffer.from('echo'), got.handler);
    got.stream.write(Buffer.from('key'));
    got.stream.end();
    await got.done;
    most = Math.max(most, bulk - before);
  }
  return { most, bulk, close };
}

t.test('a keystroke waits for the bytes in flight and no more', async (t) => {
  const bounded = await bulkBeforeEcho({ maxInFlightBytes: 65_536 });
  bounded.close();
  t.ok(bounded.most <= 65_536 + 6 * MESSAGE, `${bounded.most / MESSAGE} messages before the echo`);
  const open = await bulkBeforeEcho({
    minInFlightBytes: 1 << 24,
    transportHighWaterBytes: 1 << 22,
    initialWindowBytes: 1 << 22,
  });
  open.close();
  t.ok(open.most > 4 * bounded.most, `${open.most / MESSAGE} without the bound`);
});

t.test(
  'bulk goes on beside many streams that always have something small to say',
  { timeout: 30_000 },
  async (t) => {
    const chunk = Buffer.alloc(8192);
    const onStream = (stream: Stream): void => {
      if (stream.meta.toString() === 'small') {
        stream.handler = { data() {}, end() {}, reset() {} };
        stream.write(Buffer.alloc(49_152));
        stream.end();
        return;
      }
      const pump = (): void => {
        while (stream.write(chunk));
      };
      stream.handler = { data() {}, end() {}, reset() {}, writable: pump };
      pump();
    };
    const { a, close } = await linkPair({ onStream }, {}, { messagesPerTurn: 1 });
    let bulk = 0;
    let small = 0;
    const download: Stream = a.open(
      Buffer.from('bulk'),
      {
        data(bytes) {
          bulk += bytes.length;
          download.consumed(bytes.length);
        },
        end() {},
        reset() {},
      },
      { end: true },
    );
    await until(() => bulk >= 512 * 1024);
    const from = bulk;
    // Each new stream is interactive for its first 64 KiB; one is always there.
    const more = (): void => {
      const stream: Stream = a.open(
        Buffer.from('small'),
        {
          data(bytes) {
            small += bytes.length;
            stream.consumed(bytes.length);
          },
          end: () => more(),
          reset() {},
        },
        { end: true },
      );
    };
    for (let n = 0; n < 60; n += 1) more();
    await until(() => small >= 16 * 1024 * 1024);
    const share = (bulk - from) / (bulk - from + small);
    t.ok(share > 0.03, `bulk got ${(share * 100).toFixed(1)} %`);
    t.ok(share < 0.5, 'and interactive more');
    close();
  },
);

t.test('bulk streams share a link evenly', async (t) => {
  const onStream = (stream: Stream): void => {
    const pump = (): void => {
      while (stream.write(Buffer.alloc(65_536)));
    };
    stream.handler = { data() {}, end() {}, reset() {}, writable: pump };
    pump();
  };
  const { a, close } = await linkPair({ onStream }, {}, { messagesPerTurn: 1 });
  const counts = [0, 0, 0, 0];
  for (let n = 0; n < 4; n += 1) {
    const stream: Stream = a.open(
      Buffer.from('bulk'),
      {
        data(bytes) {
          counts[n] = (counts[n] ?? 0) + bytes.length;
          stream.consumed(bytes.length);
        },
        end() {},
        reset() {},
      },
      { end: true },
    );
  }
  await until(() => Math.max(...counts) >= 8 * 1024 * 1024);
  t.ok(Math.min(...counts) > 6 * 1024 * 1024, counts.join(' '));
  close();
});
