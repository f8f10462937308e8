// Bounds the DATA bytes in flight on a link so that bulk queues little in the path (after LEDBAT, RFC 6817).
import { ACK_EVERY_BYTES } from './constants.ts';

export interface InFlightOptions {
  readonly minInFlightBytes: number;
  readonly maxInFlightBytes: number;
  readonly targetDelayMs: number;
}

interface Sent {
  end: number;
  bulk: number;
  at: number;
}

const START_BYTES = 256 * 1024;
/** A base delay not met again for so long is measured anew, with the path drained for it. */
const BASE_AGE_MS = 15_000;

/** The controller: `sent` and `acked` feed it, `bulkAllowed` asks it. Times are monotonic milliseconds. */
export class InFlight {
  readonly #options: InFlightOptions;
  #limit: number;
  #sentBytes = 0;
  #ackedBytes = 0;
  #bulkInFlight = 0;
  readonly #sent: Sent[] = [];
  #first = 0;
  #slowStart = true;
  #base = Number.POSITIVE_INFINITY;
  #baseAt = 0;
  #roundEnd = 0;
  #roundMin = Number.POSITIVE_INFINITY;
  #roundFull = false;
  #probe: { resume: number; until: number } | undefined;

  constructor(options: InFlightOptions) {
    this.#options = options;
    this.#limit = Math.min(Math.max(START_BYTES, options.minInFlightBytes), options.maxInFlightBytes);
  }

  get limitBytes(): number {
    return this.#limit;
  }

  get inFlightBytes(): number {
    return this.#sentBytes - this.#ackedBytes;
  }

  /** Lowest delay seen lately; Infinity before the first sample. */
  get baseDelayMs(): number {
    return this.#base;
  }

  /** Whether bulk may send now: below the limit, or below its floor when interactive streams fill the limit. */
  get bulkAllowed(): boolean {
    if (this.inFlightBytes < this.#limit) return true;
    this.#roundFull = true;
    return this.#bulkInFlight < this.#options.minInFlightBytes;
  }

  /** Notes a message with `bytes` of DATA frames, `bulk` of them of bulk streams. */
  sent(bytes: number, bulk: number, nowMs: number): void {
    this.#sentBytes += bytes;
    this.#bulkInFlight += bulk;
    this.#sent.push({ end: this.#sentBytes, bulk, at: nowMs });
  }

  /** Notes a cumulative ACK; false when it acknowledges what was never sent or goes back. */
  acked(total: number, nowMs: number): boolean {
    if (total > this.#sentBytes || total < this.#ackedBytes) return false;
    this.#ackedBytes = total;
    let newest: Sent | undefined;
    for (
      let next = this.#sent[this.#first];
      next !== undefined && next.end <= total;
      next = this.#sent[this.#first]
    ) {
      newest = next;
      this.#bulkInFlight -= next.bulk;
      this.#first += 1;
    }
    if (newest === undefined) return true;
    if (this.#first > 64 && this.#first * 2 > this.#sent.length) {
      this.#sent.splice(0, this.#first);
      this.#first = 0;
    }
    this.#sample(nowMs - newest.at, nowMs);
    return true;
  }

  #sample(delay: number, now: number): void {
    if (delay <= this.#base + 1) this.#baseAt = now;
    if (delay < this.#base) this.#base = delay;
    if (delay < this.#roundMin) this.#roundMin = delay;
    if (this.#ackedBytes < this.#roundEnd) return;
    this.#round(now);
    this.#roundEnd = this.#sentBytes;
    this.#roundMin = Number.POSITIVE_INFINITY;
    this.#roundFull = false;
  }

  /** Once a round trip: the least delay of the round, less the base, is the queue that stands in the path. */
  #round(now: number): void {
    if (this.#probe !== undefined) return this.#endProbe(now);
    const { minInFlightBytes, maxInFlightBytes, targetDelayMs } = this.#options;
    const queueing = this.#roundMin - this.#base;
    // ACKs come each 32 KiB: on a slow link half such a block is no queue to speak of.
    const target = targetDelayMs + (0.5 * ACK_EVERY_BYTES * this.#roundMin) / this.#limit;
    if (queueing > target) {
      this.#slowStart = false;
      // What would have left exactly the target standing in the path.
      const fit = (this.#limit * (this.#base + target)) / this.#roundMin;
      this.#limit = Math.max(minInFlightBytes, fit, this.#limit / 2);
      if (now - this.#baseAt > BASE_AGE_MS) this.#startProbe(now);
    } else if (this.#roundFull) {
      const linear = (this.#limit / 16) * (1 - queueing / target);
      this.#limit = Math.min(maxInFlightBytes, this.#slowStart ? this.#limit * 2 : this.#limit + linear);
      if (now - this.#baseAt > BASE_AGE_MS) this.#startProbe(now);
    }
  }

  #startProbe(now: number): void {
    this.#probe = { resume: this.#limit, until: now + 2 * this.#roundMin };
    this.#limit = this.#options.minInFlightBytes;
  }

  #endProbe(now: number): void {
    const probe = this.#probe;
    if (probe === undefined || now < probe.until) return;
    this.#base = this.#roundMin;
    this.#baseAt = now;
    this.#limit = probe.resume;
    this.#probe = undefined;
  }
}
