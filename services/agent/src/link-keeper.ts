/** Keeps a number of links to the relay up: jittered back-off, and the next link before a draining one goes. */

import type { Link } from '@fairlead/tunnel';
import type { Logger } from 'pino';
import { AgentError } from './errors.ts';

const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 20_000;
const GROWTH = 1.6;
/** A link that held this long was a good one: the next delay begins small again. */
const STABLE_MS = 25_000;

/** Dials one link; `events` are called once each. */
export type Dial = (events: { drain(reason: string): void; close(reason: string): void }) => Promise<Link>;

export class LinkKeeper {
  readonly #dial: Dial;
  readonly #log: Logger;
  readonly #links = new Set<Link>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #stopped = false;
  /** Called when a refusal makes further tries useless. */
  readonly #onFatal: (error: AgentError) => void;

  constructor(dial: Dial, log: Logger, onFatal: (error: AgentError) => void) {
    this.#dial = dial;
    this.#log = log;
    this.#onFatal = onFatal;
  }

  start(count: number): void {
    for (let slot = 0; slot < count; slot++) void this.#keep(slot, FIRST_DELAY_MS);
  }

  /** Links that take requests now. */
  get connected(): number {
    return [...this.#links].filter((link) => !link.draining).length;
  }

  *links(): Generator<Link> {
    yield* this.#links;
  }

  /** Ends all links; nothing is dialled again. */
  stop(reason: string): void {
    this.#stopped = true;
    for (const retry of this.#retries) clearTimeout(retry);
    for (const link of this.#links) link.close(reason);
  }

  /** One slot's life: dial, hold, and dial again when its link drains or closes. */
  async #keep(slot: number, delayMs: number): Promise<void> {
    if (this.#stopped) return;
    const startedMs = performance.now();
    let link: Link | undefined;
    let replaced = false;
    const replace = (why: string): void => {
      if (replaced) return;
      replaced = true;
      const stable = performance.now() - startedMs > STABLE_MS;
      this.#again(slot, stable ? FIRST_DELAY_MS : delayMs, why);
    };
    try {
      link = await this.#dial({
        drain: replace,
        close: (why) => {
          if (link) this.#links.delete(link);
          if (!this.#stopped) this.#log.warn({ slot, why }, 'link closed');
          replace(why);
        },
      });
    } catch (error) {
      if (error instanceof AgentError && !error.retry) return this.#onFatal(error);
      replace((error as Error).message);
      return;
    }
    if (this.#stopped) return link.close('agent stops');
    if (link.closed) return;
    this.#links.add(link);
    this.#log.info({ slot, link: link.id }, 'link up');
  }

  #again(slot: number, delayMs: number, why: string): void {
    if (this.#stopped) return;
    // Full jitter on the upper half keeps a restarted relay from meeting all its agents at once.
    const waitMs = delayMs * (0.5 + Math.random() / 2);
    this.#log.warn({ slot, why, retryMs: Math.round(waitMs) }, 'dialling again');
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      void this.#keep(slot, Math.min(delayMs * GROWTH, MAX_DELAY_MS));
    }, waitMs);
    this.#retries.add(retry);
  }
}
