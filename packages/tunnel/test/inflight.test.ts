// The in-flight controller over a simulated path, in simulated time.
import t from 'tap';
import { InFlight } from '../src/inflight.ts';
import { DEFAULT_LIMITS } from '../src/index.ts';

const MESSAGE = 16 * 1024;

interface Path {
  bytesPerMs: number;
  rttMs: number;
  /** Milliseconds simulated. */
  forMs: number;
}

/** A sender that always has bulk, over a bottleneck with an endless queue; one step is 0.1 ms. */
function simulate(path: Path) {
  const control = new InFlight(DEFAULT_LIMITS);
  const arrivals: { at: number; total: number }[] = [];
  let freeAt = 0;
  let sent = 0;
  let delivered = 0;
  let acked = 0;
  let worstQueueMs = 0;
  let worstBase = 0;
  for (let now = 1; now < path.forMs; now += 0.1) {
    for (let next = arrivals[0]; next !== undefined && next.at <= now; next = arrivals[0]) {
      arrivals.shift();
      delivered = next.total;
      if (delivered - acked < 32 * 1024) continue;
      acked = delivered;
      if (!control.acked(acked, now)) throw new Error('refused an ACK');
    }
    while (control.bulkAllowed) {
      sent += MESSAGE;
      control.sent(MESSAGE, MESSAGE, now);
      freeAt = Math.max(freeAt, now) + MESSAGE / path.bytesPerMs;
      arrivals.push({ at: freeAt + path.rttMs, total: sent });
    }
    if (now > path.forMs / 4) {
      worstQueueMs = Math.max(worstQueueMs, freeAt - now);
      worstBase = Math.max(worstBase, control.baseDelayMs);
    }
  }
  return { used: delivered / (path.bytesPerMs * path.forMs), worstQueueMs, worstBase, control };
}

t.test('fills a long path and queues little in it', async (t) => {
  for (const [mbit, rttMs] of [
    [20, 50],
    [100, 50],
    [100, 5],
    [1000, 20],
  ] as const) {
    const path = { bytesPerMs: mbit * 125, rttMs, forMs: 8000 };
    const { used, worstQueueMs, control } = simulate(path);
    t.ok(used > 0.85, `${mbit} Mbit/s, ${rttMs} ms: ${used.toFixed(2)} of the rate`);
    const floorMs = DEFAULT_LIMITS.minInFlightBytes / path.bytesPerMs;
    t.ok(worstQueueMs < 25 + floorMs, `${worstQueueMs.toFixed(1)} ms of queue at worst`);
    t.ok(control.inFlightBytes <= control.limitBytes + MESSAGE);
  }
});

t.test(
  'the base delay does not creep up under bulk that lasts ten minutes',
  { timeout: 60_000 },
  async (t) => {
    const { used, worstBase, worstQueueMs } = simulate({ bytesPerMs: 1250, rttMs: 50, forMs: 600_000 });
    t.ok(worstBase < 80, `base ${worstBase.toFixed(1)} ms, of which 50 are the path and 13 a message`);
    t.ok(worstQueueMs < 90, `${worstQueueMs.toFixed(1)} ms of queue at worst`);
    t.ok(used > 0.85, `${used.toFixed(2)} of the rate`);
  },
);

t.test('an ACK of what was not sent, or that goes back, is refused', async (t) => {
  const control = new InFlight(DEFAULT_LIMITS);
  control.sent(1000, 1000, 1);
  t.equal(control.acked(1001, 2), false);
  t.equal(control.acked(600, 2), true);
  t.equal(control.acked(500, 3), false);
  t.equal(control.inFlightBytes, 400);
});

t.test('bulk keeps its floor when interactive streams fill the limit', async (t) => {
  const control = new InFlight({ ...DEFAULT_LIMITS, maxInFlightBytes: 65_536 });
  control.sent(1_000_000, 0, 1);
  t.equal(control.bulkAllowed, true);
  control.sent(65_536, 65_536, 1);
  t.equal(control.bulkAllowed, false);
});
