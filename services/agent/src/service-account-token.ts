/** The agent's own bearer token, read again from its file as the kubelet rotates it. */

import { readFileSync } from 'node:fs';

const MAX_AGE_MS = 1000;

export class ServiceAccountToken {
  readonly #file: string;
  #token = '';
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * The token as of at most a second ago. A file that cannot be read just now leaves the last token in place: the API
   * server is the judge of whether it still holds.
   */
  current(): string {
    const now = performance.now();
    if (now - this.#readAtMs >= MAX_AGE_MS) {
      try {
        this.#token = readFileSync(this.#file, 'utf8').trim();
      } catch (error) {
        if (this.#token === '') throw error;
      }
      this.#readAtMs = now;
    }
    return this.#token;
  }
}
