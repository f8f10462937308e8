/** A bounded map whose entries end: the codes and refresh tokens of the double. */
export class ExpiringMap<V> {
  readonly #entries = new Map<string, { value: V; endsAtMs: number }>();
  readonly #limit: number;
  readonly #now: () => number;

  constructor(limit: number, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  set(key: string, value: V, lifetimeMs: number): void {
    const oldest = this.#entries.size >= this.#limit ? this.#entries.keys().next().value : undefined;
    if (oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, { value, endsAtMs: this.#now() + lifetimeMs });
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.endsAtMs > this.#now()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** As get, once. */
  take(key: string): V | undefined {
    const value = this.get(key);
    this.#entries.delete(key);
    return value;
  }
}
