// A pair of links under random interleavings, against what each stream was given to carry.
import * as fc from 'fast-check';
import t from 'tap';
import { type Link, MemoryBudget, ResetCode, type Stream } from '../src/index.ts';
import { linkPair, settled } from './pair.ts';

/** One direction of one stream: position-coded bytes, so that loss, order and mixing all show. */
class Flow {
  readonly #salt: number;
  sent = 0;
  received = 0;
  unconsumed = 0;
  ended = false;
  gotEnd = false;
  wrong = '';
  constructor(salt: number) {
    this.#salt = salt;
  }
  next(length: number): Buffer {
    const chunk = Buffer.allocUnsafe(length);
    for (let n = 0; n < length; n += 1) chunk[n] = (this.#salt + (this.sent + n) * 7) & 0xff;
    this.sent += length;
    return chunk;
  }
  take(chunk: Buffer): void {
    if (this.gotEnd) this.wrong = 'data after end';
    for (let n = 0; n < chunk.length; n += 1) {
      if (chunk[n] !== ((this.#salt + (this.received + n) * 7) & 0xff))
        this.wrong = `wrong byte at ${this.received + n}`;
    }
    this.received += chunk.length;
    this.unconsumed += chunk.length;
  }
}

interface Pair {
  /** [opener's end, acceptor's end] */
  ends: [Stream, Stream | undefined];
  flows: [out: Flow, back: Flow];
  open: [boolean, boolean];
  resets: number;
}

const opArb = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('open' as const), side: fc.integer({ min: 0, max: 1 }) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      op: fc.constant('write' as const),
      at: fc.nat(),
      end: fc.integer({ min: 0, max: 1 }),
      size: fc.integer({ min: 1, max: 90_000 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      op: fc.constant('consume' as const),
      at: fc.nat(),
      end: fc.integer({ min: 0, max: 1 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('end' as const),
      at: fc.nat(),
      end: fc.integer({ min: 0, max: 1 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('reset' as const),
      at: fc.nat(),
      end: fc.integer({ min: 0, max: 1 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ op: fc.constant('turn' as const), turns: fc.integer({ min: 1, max: 4 }) }),
  },
);

type Op = typeof opArb extends fc.Arbitrary<infer T> ? T : never;

const limits = {
  initialWindowBytes: 32_768,
  minWindowBytes: 8_192,
  maxWindowBytes: 131_072,
  linkBudgetBytes: 1 << 20,
  queueMaxBytes: 1 << 22,
};

async function play(ops: Op[], lose: boolean): Promise<string> {
  const budget = new MemoryBudget(1 << 20);
  const pairs: Pair[] = [];
  const byUid = new Map<string, Pair>();
  const handler = (pair: () => Pair | undefined, end: 0 | 1) => ({
    data: (chunk: Buffer) => pair()?.flows[1 - end]?.take(chunk),
    end() {
      const flow = pair()?.flows[1 - end];
      if (flow?.gotEnd === true) flow.wrong = 'end twice';
      if (flow !== undefined) flow.gotEnd = true;
    },
    reset() {
      const found = pair();
      if (found === undefined) return;
      if (!found.open[end]) found.flows[0].wrong = 'reset of a stream that is over';
      found.open[end] = false;
      found.resets += 1;
    },
  });
  const onStream = (stream: Stream): void => {
    const pair = byUid.get(stream.uid);
    if (pair !== undefined) pair.ends[1] = stream;
    stream.handler = handler(() => pair, 1);
  };
  const { a, b } = await linkPair({ onStream, limits, budget }, { onStream, limits, budget });
  const sides: [Link, Link] = [a, b];
  const live = (op: { at: number; end: number }): [Pair, Stream, Flow, Flow] | undefined => {
    const pair = pairs[op.at % Math.max(1, pairs.length)];
    const stream = pair?.ends[op.end as 0 | 1];
    if (pair === undefined || stream === undefined || !pair.open[op.end as 0 | 1]) return undefined;
    return [pair, stream, pair.flows[op.end as 0 | 1], pair.flows[1 - op.end] as Flow];
  };
  for (const op of ops) {
    if (op.op === 'turn') await settled(op.turns);
    else if (op.op === 'open') {
      let pair: Pair | undefined;
      const flows: [Flow, Flow] = [new Flow(pairs.length), new Flow(pairs.length + 100)];
      try {
        const stream = (sides[op.side] as Link).open(
          Buffer.from('m'),
          handler(() => pair, 0),
        );
        pair = { ends: [stream, undefined], flows, open: [true, true], resets: 0 };
        pairs.push(pair);
        byUid.set(stream.uid, pair);
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_TUNNEL_BUDGET') throw error;
      }
    } else {
      const found = live(op);
      if (found === undefined) continue;
      const [pair, stream, out, back] = found;
      if (op.op === 'write' && !out.ended && stream.queuedBytes < 1 << 20) stream.write(out.next(op.size));
      if (op.op === 'end' && !out.ended) {
        out.ended = true;
        stream.end();
      }
      if (op.op === 'consume') {
        const bytes = Math.floor(back.unconsumed * op.share);
        back.unconsumed -= bytes;
        stream.consumed(bytes);
      }
      if (op.op === 'reset') {
        pair.open[op.end as 0 | 1] = false;
        pair.resets += 1;
        stream.reset(ResetCode.CANCEL);
      }
    }
    for (const link of sides) {
      if (link.stats.unreadBytes > link.stats.reservedBytes) return 'unread above the windows';
    }
    for (const pair of pairs) {
      for (const stream of pair.ends) {
        if (stream !== undefined && stream.unreadBytes > stream.receiving.sizeBytes)
          return 'unread above the window';
      }
    }
    if (budget.reserved > budget.bytes) return 'budget exceeded';
  }
  if (lose) {
    a.terminate('lost');
    await settled();
  } else await finish(pairs);
  for (const pair of pairs) {
    for (const flow of pair.flows) {
      if (flow.wrong !== '') return flow.wrong;
      if (!lose && pair.resets === 0 && (flow.received !== flow.sent || !flow.gotEnd)) {
        return `deadlock: ${flow.received} of ${flow.sent}, end ${flow.gotEnd}`;
      }
    }
  }
  if (!lose && (a.streams > 0 || b.streams > 0)) return `${a.streams} and ${b.streams} streams left`;
  if (budget.reserved !== 0) return `${budget.reserved} bytes kept`;
  b.close();
  return '';
}

/** Ends every flow and consumes all that comes until nothing moves. */
async function finish(pairs: Pair[]): Promise<void> {
  await settled(6);
  for (let round = 0; round < 400; round += 1) {
    let moved = false;
    for (const pair of pairs) {
      for (const end of [0, 1] as const) {
        const stream = pair.ends[end];
        if (stream === undefined || stream.closed) continue;
        moved = true;
        const [out, back] = [pair.flows[end], pair.flows[1 - end] as Flow];
        if (!out.ended) stream.end();
        out.ended = true;
        stream.consumed(back.unconsumed);
        back.unconsumed = 0;
      }
    }
    if (!moved) return;
    await settled(2);
  }
}

for (const lose of [false, true]) {
  t.test(
    `bytes are conserved in order and memory comes back ${lose ? 'when the link is lost' : 'and all ends'}`,
    { timeout: 120_000 },
    async (t) => {
      await fc.assert(
        fc.asyncProperty(fc.array(opArb, { minLength: 5, maxLength: 120, size: 'max' }), async (ops) => {
          const wrong = await play(ops, lose);
          if (wrong !== '') throw new Error(wrong);
        }),
        { numRuns: 400, interruptAfterTimeLimit: 30_000 },
      );
      t.pass('held');
    },
  );
}
