// Receive window of one stream: what the peer may still send, what is unread, and when credit goes back.
import type { MemoryBudget } from './budget.ts';

/** What all windows of a link share. */
export interface WindowAccount {
  readonly budget: MemoryBudget;
  readonly initialWindowBytes: number;
  readonly minWindowBytes: number;
  readonly maxWindowBytes: number;
  /** Sum of unread bytes over the link's streams. */
  unreadBytes: number;
  /** Smoothed round trip, milliseconds. */
  readonly rttMs: number;
}

/** Largest first window that the memory pressure allows (a quarter in use: 64 KiB at most; half: the least). */
export function firstWindowBytes(account: WindowAccount): number {
  const pressure = account.budget.pressure;
  if (pressure < 0.25) return account.initialWindowBytes;
  if (pressure < 0.5)
    return Math.max(account.minWindowBytes, Math.min(64 * 1024, account.initialWindowBytes));
  return account.minWindowBytes;
}

/** Invariant: allowance + unread + returnable = size = bytes reserved in the budget; so unread <= size always. */
export class ReceiveWindow {
  readonly #account: WindowAccount;
  #size = 0;
  #allowance = 0;
  #unread = 0;
  #returnable = 0;
  #ended = false;
  #epochBytes = 0;
  #epochAt = 0;

  constructor(account: WindowAccount) {
    this.#account = account;
  }

  get sizeBytes(): number {
    return this.#size;
  }

  get unreadBytes(): number {
    return this.#unread;
  }

  /** Takes the first window: `wanted`, else the least one. Returns its size, 0 when not even that could be reserved. */
  start(wanted: number): number {
    const least = Math.min(wanted, this.#account.minWindowBytes);
    if (this.#account.budget.reserve(wanted)) this.#size = wanted;
    else if (this.#account.budget.reserve(least)) this.#size = least;
    this.#allowance = this.#size;
    return this.#size;
  }

  /** Grows to `bytes` if that can be reserved. Returns the credit to give for it. */
  growTo(bytes: number): number {
    const more = bytes - this.#size;
    if (this.#ended || more <= 0 || !this.#account.budget.reserve(more)) return 0;
    this.#size += more;
    this.#allowance += more;
    return more;
  }

  /** Notes `n` bytes from the peer; false when they were more than its credit. */
  receive(n: number, nowMs: number): boolean {
    if (n > this.#allowance) return false;
    this.#allowance -= n;
    this.#unread += n;
    this.#account.unreadBytes += n;
    if (this.#epochAt === 0) this.#epochAt = nowMs;
    return true;
  }

  /** Notes `n` bytes passed on by the reader. Returns the credit to give back now, 0 when not yet. */
  consume(n: number): number {
    if (n > this.#unread) throw new RangeError(`consumed ${n} of ${this.#unread} unread bytes`);
    this.#unread -= n;
    this.#account.unreadBytes -= n;
    if (this.#ended) {
      this.#size -= n;
      this.#account.budget.release(n);
      return 0;
    }
    this.#returnable += n;
    this.#epochBytes += n;
    if (this.#returnable * 2 < this.#size) return 0;
    const grown = this.#epochBytes >= this.#size ? this.#nextEpoch() : 0;
    const credit = this.#returnable;
    this.#returnable = 0;
    this.#allowance += credit;
    return credit + grown;
  }

  /** A full window was consumed: doubles it when that took no longer than about two round trips. */
  #nextEpoch(): number {
    const now = performance.now();
    const fast = now - this.#epochAt <= 2 * (this.#account.rttMs + 2);
    this.#epochBytes = 0;
    this.#epochAt = now;
    if (!fast || this.#account.budget.pressure > 0.75) return 0;
    return this.growTo(Math.min(this.#size * 2, this.#account.maxWindowBytes));
  }

  /** The peer sends no more: only unread bytes stay reserved. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#account.budget.release(this.#size - this.#unread);
    this.#size = this.#unread;
    this.#allowance = 0;
    this.#returnable = 0;
  }

  /** The stream is over and its unread bytes are dropped. */
  discard(): void {
    this.end();
    this.#account.budget.release(this.#size);
    this.#account.unreadBytes -= this.#unread;
    this.#size = 0;
    this.#unread = 0;
  }
}
