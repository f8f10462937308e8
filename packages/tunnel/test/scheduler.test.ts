// The order of frames in messages, without a link around it.
import t from 'tap';
import { FrameType } from '../src/constants.ts';
import { decodeFrames } from '../src/decode.ts';
import { DEFAULT_LIMITS } from '../src/index.ts';
import { InFlight } from '../src/inflight.ts';
import { Scheduler } from '../src/scheduler.ts';
import { SendQueue } from '../src/send-queue.ts';

const MiB = 1024 * 1024;

/** A scheduler with stream 1 always interactive and stream 3 always bulk, each with 4 MiB to send. */
function busy(): Scheduler {
  const scheduler = new Scheduler(new InFlight({ ...DEFAULT_LIMITS, minInFlightBytes: 16 * MiB }), () => {});
  for (const [id, interactive] of [
    [1, 16 * MiB],
    [3, 0],
  ] as const) {
    const queue = new SendQueue(id, 16 * MiB, 16_360, interactive);
    queue.put(Buffer.alloc(4 * MiB));
    scheduler.offer(queue, 1);
  }
  return scheduler;
}

/** [type, stream] of each frame of a message. */
function frames(message: Buffer | undefined): [number, number][] {
  const seen: [number, number][] = [];
  decodeFrames(message ?? Buffer.alloc(0), DEFAULT_LIMITS, {
    frame(type, _flags, stream) {
      seen.push([type, stream]);
      return true;
    },
  });
  return seen;
}

for (const bulkOpen of [true, false]) {
  t.test(
    `bulk gets a ninth beside endless interactive frames, transport ${bulkOpen ? 'open' : 'full of them'}`,
    async (t) => {
      const scheduler = busy();
      const counts = new Map<number, number>();
      for (let n = 0; n < 90; n += 1) {
        for (const [, stream] of frames(scheduler.next(1, bulkOpen, true)))
          counts.set(stream, (counts.get(stream) ?? 0) + 1);
      }
      t.ok(
        (counts.get(3) ?? 0) >= 9 && (counts.get(3) ?? 0) <= 12,
        `bulk ${counts.get(3)}, interactive ${counts.get(1)}`,
      );
    },
  );
}

t.test('control goes first, then OPEN, then interactive; a full transport takes control only', async (t) => {
  const scheduler = busy();
  scheduler.open(new SendQueue(5, 0, 16_360, 0), Buffer.alloc(20), Buffer.from('m'));
  scheduler.control.credit(3, 1000);
  scheduler.control.credit(3, 1000);
  scheduler.control.pong(Buffer.alloc(8));
  scheduler.control.ack(1);
  t.same(frames(scheduler.next(1, false, false)), [
    [FrameType.ACK, 0],
    [FrameType.PONG, 0],
    [FrameType.CREDIT, 3],
  ]);
  t.equal(scheduler.next(1, false, false), undefined);
  t.same(frames(scheduler.next(1, true, true)), [
    [FrameType.OPEN, 5],
    [FrameType.DATA, 1],
  ]);
});

t.test('a HEAD larger than a message goes alone, and END leaves with the last byte', async (t) => {
  const scheduler = new Scheduler(new InFlight(DEFAULT_LIMITS), () => {});
  const queue = new SendQueue(2, 10, 16_360, 65_536);
  queue.putHead(Buffer.alloc(100_000));
  queue.put(Buffer.from('0123456789'));
  queue.putEnd();
  scheduler.offer(queue, 1);
  t.same(frames(scheduler.next(1, true, true)), [[FrameType.HEAD, 2]]);
  const last = scheduler.next(1, true, true);
  t.same(frames(last), [[FrameType.DATA, 2]]);
  t.equal(last?.[1], 1, 'END flag');
  t.equal(scheduler.next(1, true, true), undefined);
});

t.test('without credit nothing goes, with it exactly so much', async (t) => {
  const scheduler = new Scheduler(new InFlight(DEFAULT_LIMITS), () => {});
  const queue = new SendQueue(2, 4, 16_360, 65_536);
  queue.put(Buffer.from('0123456789'));
  scheduler.offer(queue, 1);
  t.equal(scheduler.next(1, true, true)?.toString('latin1', 12), '0123');
  t.equal(scheduler.next(1, true, true), undefined);
  queue.addCredit(6);
  scheduler.offer(queue, 1);
  t.equal(scheduler.next(1, true, true)?.toString('latin1', 12), '456789');
});
