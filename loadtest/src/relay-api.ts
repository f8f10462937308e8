/** The few calls of the relay's API that a run needs, as its administrator. */

import { request } from 'node:https';
import type { Started } from './processes.ts';

const POLL_MS = 50;
const TRIES = 400;

export class RelayApi {
  readonly #url: string;
  readonly #ca: string;
  readonly #token: string;

  constructor(url: string, ca: string, token: string) {
    this.#url = url;
    this.#ca = ca;
    this.#token = token;
  }

  /** Resolves when the relay answers; rejects with what it said when it ends, or after 20 s. */
  async up(relay: Started): Promise<void> {
    await this.#until(relay, () => true);
  }

  /** Adds a cluster and resolves its join token. */
  async addCluster(name: string): Promise<string> {
    return (await this.#call<{ joinToken: string }>('POST', { name })).joinToken;
  }

  /** Resolves when the cluster's agent holds that many links. */
  async linked(name: string, links: number, agent: Started): Promise<void> {
    await this.#until(agent, (clusters) =>
      clusters.some((cluster) => cluster.name === name && cluster.links >= links),
    );
  }

  async #until(
    started: Started,
    wanted: (clusters: { name: string; links: number }[]) => boolean,
  ): Promise<void> {
    let ended: Error | undefined;
    started.result.then(
      () => (ended = new Error('ended before it was ready')),
      (error: Error) => (ended = error),
    );
    for (let i = 0; i < TRIES; i++) {
      if (ended) throw ended;
      try {
        if (wanted((await this.#call<{ clusters: { name: string; links: number }[] }>('GET')).clusters))
          return;
      } catch (error) {
        if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`not ready after ${(TRIES * POLL_MS) / 1000} s`);
  }

  #call<T>(method: string, body?: object): Promise<T> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const outgoing = request(
        `${this.#url}/api/v1/clusters`,
        {
          method,
          ca: this.#ca,
          agent: false,
          headers: {
            authorization: `Bearer ${this.#token}`,
            ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          },
        },
        (response) => {
          let answer = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (answer += chunk));
          response.once('error', reject);
          response.once('end', () => {
            if ((response.statusCode ?? 500) < 300) resolve(JSON.parse(answer) as T);
            else reject(new Error(`${method} /api/v1/clusters: ${response.statusCode} ${answer}`));
          });
        },
      );
      outgoing.once('error', reject);
      outgoing.end(text);
    });
  }
}
