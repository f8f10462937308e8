/** Requests to the relay as a program sends them, each on a connection of its own. */

import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { relayedUrl, type EndToEnd } from './stage.ts';

export interface Answer {
  status: number;
  body: string;
}

export class RelayClient {
  readonly #base: URL;
  readonly #options: RequestOptions;

  constructor(all: EndToEnd) {
    this.#base = new URL(relayedUrl(all.stage));
    this.#options = {
      ca: readFileSync(all.stage.caFile),
      headers: { authorization: `Bearer ${all.token}`, 'content-type': 'application/json' },
      agent: false,
    };
  }

  /** Resolves with the head; the body is for the caller to read. */
  open(path: string, body?: object): Promise<IncomingMessage> {
    const url = new URL(`${this.#base.href}${path}`);
    return new Promise((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST';
      const outgoing = httpsRequest(url, { ...this.#options, method }, resolve);
      outgoing.once('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async send(path: string, body?: object): Promise<Answer> {
    const response = await this.open(path, body);
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode ?? 0, body: text };
  }

  /** Asks again while the answer is 5xx or there is none; the answer, or the last one when the time is over. */
  async eventually(path: string, timeoutMs: number): Promise<Answer | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const answer = await this.send(path).catch(() => undefined);
      if ((answer !== undefined && answer.status < 500) || performance.now() > deadline) return answer;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Resolves when `wanted` has come in a watch; rejects when the watch ends before. */
export function sees(response: IncomingMessage, wanted: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes(wanted)) resolve();
    });
    response.once('close', () => reject(new Error(`the watch ended without ${wanted}`)));
    response.once('error', reject);
  });
}
