// Asks the API server as the administrator, without a kubectl, while the cluster starts.
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError } from './errors.ts';

const pollMs = 100;
const answerMs = 5_000;
const maxAnswerBytes = 4 * 1024 * 1024;

/** An answer of the API server. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A client with the administrator's certificate. */
export class Probe {
  readonly #url: string;
  readonly #tls: { ca: Buffer; cert: Buffer; key: Buffer };

  private constructor(url: string, tls: { ca: Buffer; cert: Buffer; key: Buffer }) {
    this.#url = url;
    this.#tls = tls;
  }

  /** Reads the certificates that the part `pki` has made. */
  static async create(url: string, pki: string): Promise<Probe> {
    const [ca, cert, key] = await Promise.all([
      readFile(join(pki, 'ca.crt')),
      readFile(join(pki, 'admin.crt')),
      readFile(join(pki, 'admin.key')),
    ]);
    return new Probe(url, { ca, cert, key });
  }

  /** GETs a path; rejects when there is no whole answer. */
  get(path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const req = request(
        new URL(path, this.#url),
        { ...this.#tls, agent: false, timeout: answerMs },
        (res) => {
          let body = '';
          res.setEncoding('utf8');
          res.on('data', (chunk: string) => {
            body += chunk;
            if (body.length > maxAnswerBytes) res.destroy(new Error('the answer is too long'));
          });
          res.once('error', reject).once('end', () => resolve({ status: res.statusCode ?? 0, body }));
        },
      );
      req.once('timeout', () => req.destroy(new Error('no answer in time'))).once('error', reject);
      req.end();
    });
  }

  /**
   * Asks again and again until the answer is as wanted.
   *
   * @throws ClusterError `ERR_TESTBED_NOT_READY` after `timeoutMs`, with the last answer
   */
  async until(
    path: string,
    wanted: (answer: Answer) => boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    let last = 'no answer';
    while (Date.now() < deadline) {
      signal.throwIfAborted();
      try {
        const answer = await this.get(path);
        if (wanted(answer)) return;
        last = `${answer.status} ${answer.body.slice(0, 500)}`;
      } catch (error) {
        last = String(error);
      }
      await sleep(pollMs, undefined, { signal });
    }
    throw new ClusterError('ERR_TESTBED_NOT_READY', `${path} was not ready in ${timeoutMs} ms: ${last}`);
  }
}
