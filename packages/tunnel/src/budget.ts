// Strict reservations of memory: what was not reserved is never promised to a peer.

/** Bytes that may be promised; a link's budget has the process's as parent, and both must agree. */
export class MemoryBudget {
  readonly bytes: number;
  readonly #parent: MemoryBudget | undefined;
  #reserved = 0;

  constructor(bytes: number, parent?: MemoryBudget) {
    if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new TypeError('bytes must be a positive integer');
    this.bytes = bytes;
    this.#parent = parent;
  }

  get reserved(): number {
    return this.#reserved;
  }

  /** Share in use, 0..1, of this budget or its parent, whichever is fuller. */
  get pressure(): number {
    return Math.max(this.#reserved / this.bytes, this.#parent?.pressure ?? 0);
  }

  /** Reserves `n` bytes here and in the parent, or nothing at all. */
  reserve(n: number): boolean {
    if (this.#reserved + n > this.bytes) return false;
    if (this.#parent !== undefined && !this.#parent.reserve(n)) return false;
    this.#reserved += n;
    return true;
  }

  release(n: number): void {
    if (n > this.#reserved) throw new RangeError(`released ${n} of ${this.#reserved} reserved bytes`);
    this.#reserved -= n;
    this.#parent?.release(n);
  }
}

/** Process budget of links that were given none. */
export const DEFAULT_PROCESS_BUDGET_BYTES = 512 * 1024 * 1024;
