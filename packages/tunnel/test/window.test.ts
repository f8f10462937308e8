// The receive window: credit on consumption, growth, and every byte of the budget back.
import * as fc from 'fast-check';
import t from 'tap';
import { MemoryBudget } from '../src/index.ts';
import { ReceiveWindow, type WindowAccount } from '../src/window.ts';

function account(bytes = 1 << 22): WindowAccount & { rttMs: number } {
  return {
    budget: new MemoryBudget(bytes),
    initialWindowBytes: 65_536,
    minWindowBytes: 4096,
    maxWindowBytes: 1 << 20,
    unreadBytes: 0,
    rttMs: 0,
  };
}

t.test(
  'credit comes back for what was consumed, in halves of the window, and for nothing else',
  async (t) => {
    const window = new ReceiveWindow(account());
    t.equal(window.start(65_536), 65_536);
    t.ok(window.receive(65_536, 1));
    t.notOk(window.receive(1, 1), 'not a byte more');
    t.equal(window.consume(32_767), 0);
    t.equal(window.consume(1), 32_768);
    t.ok(window.receive(32_768, 1));
    t.notOk(window.receive(1, 1));
    t.throws(() => window.consume(65_537), RangeError);
  },
);

t.test(
  'a window consumed within a round trip doubles up to its cap, one consumed slowly does not',
  async (t) => {
    const slow = new ReceiveWindow(account());
    slow.start(65_536);
    slow.receive(65_536, performance.now() - 60_000);
    slow.consume(65_536);
    t.equal(slow.sizeBytes, 65_536);
    const shared = account();
    shared.rttMs = 10_000;
    const fast = new ReceiveWindow(shared);
    fast.start(65_536);
    for (let n = 0; n < 8; n += 1) {
      const size = fast.sizeBytes;
      t.ok(fast.receive(size, performance.now()));
      const credit = fast.consume(size);
      t.equal(credit, size + (fast.sizeBytes - size));
    }
    t.equal(fast.sizeBytes, 1 << 20);
  },
);

t.test('what may be sent, what is unread and what is owed are never more than is reserved', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.nat(90_000)), { maxLength: 200, size: 'max' }),
      fc.boolean(),
      (steps, ends) => {
        const shared = account();
        shared.rttMs = 1000;
        const window = new ReceiveWindow(shared);
        let peerCredit = window.start(65_536);
        for (const [send, amount] of steps) {
          if (send) {
            const n = Math.min(amount, peerCredit);
            if (!window.receive(n, performance.now())) return false;
            peerCredit -= n;
          } else peerCredit += window.consume(Math.min(amount, window.unreadBytes));
          if (peerCredit + window.unreadBytes > window.sizeBytes) return false;
          if (shared.budget.reserved !== window.sizeBytes) return false;
        }
        if (window.receive(peerCredit + 1, 1)) return false;
        if (ends) {
          window.end();
          window.consume(window.unreadBytes);
        } else window.discard();
        return shared.budget.reserved === 0 && shared.unreadBytes === 0;
      },
    ),
  );
});
