/** An issuer's key set: loaded when first needed, refreshed in the background, fetched rarely whatever tokens come. */
import { createLocalJWKSet, errors, type JSONWebKeySet } from 'jose';
import { IdentityError } from './errors.ts';
import { isObject } from './token.ts';

type LocalKeys = ReturnType<typeof createLocalJWKSet>;

export interface KeyTimes {
  /** An unknown kid or a failed load starts at most one load in this time. */
  cooldownMs: number;
  /** Keys older than this are loaded anew in the background. */
  refreshMs: number;
  /** Keys older than this are not used, even if the issuer is down. */
  maxAgeMs: number;
}
export const KEY_TIMES: KeyTimes = { cooldownMs: 30_000, refreshMs: 600_000, maxAgeMs: 3_600_000 };
const MAX_KEYS = 128;

export class KeySource {
  readonly #load: () => Promise<string>;
  readonly #now: () => number;
  readonly #times: KeyTimes;
  #keys: LocalKeys | undefined;
  #text = '';
  #loadedAtMs = 0;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #pending: Promise<void> | undefined;
  #generation = 0;

  /** `load` gives the JWK Set as text; its rejections count as "issuer unavailable". */
  constructor(load: () => Promise<string>, now: () => number, times: KeyTimes) {
    this.#load = load;
    this.#now = now;
    this.#times = times;
  }

  /** Grows whenever the key set's content changes; what was verified under an older one is to be verified again. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * The key for a token's alg and kid; exactly one must fit.
   * Throws IdentityError ERR_IDENTITY_KEY_UNKNOWN, ERR_IDENTITY_ISSUER_UNAVAILABLE.
   */
  async find(header: { alg: string; kid?: string }): Promise<CryptoKey> {
    const age = this.#now() - this.#loadedAtMs;
    if (this.#keys === undefined || age >= this.#times.maxAgeMs) await this.#reload();
    else if (age >= this.#times.refreshMs && !this.#coolingDown()) this.#reload().catch(() => {}); // old keys go on
    const keys = this.#keys;
    const key = keys && (await pick(keys, header));
    if (key !== undefined) return key;
    // A load that began after this token's turn may have brought it; else one more, if it is time.
    if (this.#keys === keys && (this.#pending !== undefined || !this.#coolingDown())) await this.#reload();
    const again = this.#keys && this.#keys !== keys ? await pick(this.#keys, header) : undefined;
    if (again !== undefined) return again;
    throw new IdentityError('ERR_IDENTITY_KEY_UNKNOWN', 'no single key of the issuer fits the token');
  }

  #coolingDown(): boolean {
    return this.#now() - this.#triedAtMs < this.#times.cooldownMs;
  }

  #reload(): Promise<void> {
    if (this.#pending !== undefined) return this.#pending;
    if (this.#coolingDown()) {
      return Promise.reject(
        new IdentityError('ERR_IDENTITY_ISSUER_UNAVAILABLE', 'keys could not be loaded a moment ago'),
      );
    }
    this.#triedAtMs = this.#now();
    this.#pending = this.#loadOnce().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #loadOnce(): Promise<void> {
    const text = await this.#load();
    if (text !== this.#text || this.#keys === undefined) {
      this.#keys = parseKeySet(text);
      this.#text = text;
      this.#generation += 1;
    }
    this.#loadedAtMs = this.#now();
  }
}

/** Throws IdentityError ERR_IDENTITY_ISSUER_UNAVAILABLE: a set that cannot be read is as good as none. */
export function parseKeySet(text: string): LocalKeys {
  try {
    const value: unknown = JSON.parse(text);
    return localKeys(value);
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    throw new IdentityError('ERR_IDENTITY_ISSUER_UNAVAILABLE', 'the key set is no JSON');
  }
}

/** As parseKeySet, from a value. */
export function localKeys(value: unknown): LocalKeys {
  if (!isObject(value) || !Array.isArray(value['keys']) || value['keys'].length > MAX_KEYS) {
    throw new IdentityError('ERR_IDENTITY_ISSUER_UNAVAILABLE', `no JWK Set of at most ${MAX_KEYS} keys`);
  }
  try {
    return createLocalJWKSet(value as unknown as JSONWebKeySet); // checks each member itself
  } catch {
    throw new IdentityError('ERR_IDENTITY_ISSUER_UNAVAILABLE', 'the key set is malformed');
  }
}

/** The one key that fits, or undefined; two that fit (a duplicate kid) are as bad as none. */
export async function pick(
  keys: LocalKeys,
  header: { alg: string; kid?: string },
): Promise<CryptoKey | undefined> {
  try {
    return await keys(header);
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException)
      return undefined;
    throw error;
  }
}
