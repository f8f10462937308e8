/** Remembers verified tokens by hash: bounded, least recently used out first, never past a token's end. */
import { hash } from 'node:crypto';
import type { Principal } from './principal.ts';

/** However long a token lives, it is verified anew after this. */
export const MAX_ENTRY_AGE_MS = 300_000;

interface Entry {
  principal: Principal;
  verifiedAtMs: number;
  endsAtMs: number;
  /** Whether what it was verified against still holds. */
  isCurrent: () => boolean;
}

/** The token itself is not kept. */
export function tokenHash(token: string): string {
  return hash('sha256', token, 'base64url');
}

export class VerifiedCache {
  readonly #entries = new Map<string, Entry>(); // in order of last use
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, nowMs: number): Principal | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    // A clock set back must not lengthen an entry's life.
    if (nowMs >= entry.endsAtMs || nowMs < entry.verifiedAtMs || !entry.isCurrent()) return undefined;
    this.#entries.set(key, entry);
    return entry.principal;
  }

  put(key: string, principal: Principal, nowMs: number, isCurrent: () => boolean): void {
    const endsAtMs = Math.min(nowMs + MAX_ENTRY_AGE_MS, principal.expiresAtMs ?? Number.POSITIVE_INFINITY);
    if (this.#limit <= 0 || endsAtMs <= nowMs) return; // already within the clock skew: verify each time
    this.#entries.delete(key);
    if (this.#entries.size >= this.#limit) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, { principal, verifiedAtMs: nowMs, endsAtMs, isCurrent });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** All entries whose key begins with `prefix`. */
  deletePrefix(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }
}
