/** Requests without an upgrade: body and answer stream through an undici pool with back-pressure on both sides. */

import { Readable } from 'node:stream';
import { encodeResponseHead, requestInfo, type RequestHead } from '@fairlead/kube';
import { ResetCode, type Stream } from '@fairlead/tunnel';
import { Pool, type Dispatcher } from 'undici';
import { failureOf } from './failure.ts';

export interface ApiServerOptions {
  url: URL;
  ca: string | undefined;
  connectTimeoutMs: number;
  responseTimeoutMs: number;
}

/** Bytes of a request body that may wait for the API server beyond what its socket takes. */
const BODY_HIGH_WATER_BYTES = 64 * 1024;

export class OrdinaryRequests {
  /** Watches and logs hold their connection for hours; apart from them, short requests find an idle one at once. */
  readonly #short: Pool;
  readonly #long: Pool;
  readonly #responseTimeoutMs: number;

  constructor(options: ApiServerOptions) {
    const pool = () =>
      new Pool(options.url.origin, {
        connections: null,
        pipelining: 1,
        // HTTP/2 would put all callers on one connection, and its answers carry no raw header list.
        allowH2: false,
        bodyTimeout: 0,
        headersTimeout: 0,
        maxHeaderSize: 128 * 1024,
        keepAliveTimeout: 30_000,
        connect: {
          timeout: options.connectTimeoutMs,
          ...(options.ca === undefined ? {} : { ca: options.ca }),
        },
      });
    this.#short = pool();
    this.#long = pool();
    this.#responseTimeoutMs = options.responseTimeoutMs;
  }

  /** Sends one request; the answer, or why there is none, goes to the stream. `hasBody` is false when OPEN ended it. */
  send(stream: Stream, request: RequestHead, headers: string[], hasBody: boolean): void {
    const { longRunning } = requestInfo(request.method, request.target);
    const body = hasBody ? new StreamBody(stream) : null;
    const answer = new Answer(stream);
    stream.handler = {
      data: (chunk) => body?.accept(chunk),
      end: () => body?.finish(),
      reset: () => {
        body?.destroy();
        answer.abandon();
      },
      writable: () => answer.resume(),
    };
    try {
      (longRunning ? this.#long : this.#short).dispatch(
        {
          method: request.method as Dispatcher.HttpMethod,
          path: request.target,
          headers,
          body,
          headersTimeout: longRunning ? 0 : this.#responseTimeoutMs,
        },
        answer,
      );
    } catch (error) {
      answer.onResponseError(undefined, error as Error);
    }
  }

  /** A small GET of the agent's own (discovery, version). Resolves the JSON of a 200, rejects otherwise. */
  async getJson(path: string, token: string): Promise<unknown> {
    const { statusCode, body } = await this.#short.request({
      method: 'GET',
      path,
      headers: { authorization: `Bearer ${token}`, accept: '*/*' },
      headersTimeout: this.#responseTimeoutMs,
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`GET ${path} was answered ${statusCode}`);
    return JSON.parse(text);
  }

  async close(): Promise<void> {
    await Promise.all([this.#short.destroy(), this.#long.destroy()]);
  }
}

/** The request's body: credit goes back as the API server's socket takes the bytes. */
class StreamBody extends Readable {
  readonly #stream: Stream;
  #owed = 0;

  constructor(stream: Stream) {
    super({ highWaterMark: BODY_HIGH_WATER_BYTES });
    this.#stream = stream;
    // A destroyed body is no news here: the answer's handler reports why.
    this.on('error', () => {});
  }

  accept(chunk: Buffer): void {
    this.#owed += chunk.length;
    if (this.push(chunk)) this.#repay();
  }

  finish(): void {
    this.push(null);
  }

  override _read(): void {
    this.#repay();
  }

  #repay(): void {
    if (this.#owed === 0) return;
    const bytes = this.#owed;
    this.#owed = 0;
    this.#stream.consumed(bytes);
  }
}

/** The API server's answer on its way into the stream. */
class Answer implements Dispatcher.DispatchHandler {
  readonly #stream: Stream;
  #controller: Dispatcher.DispatchController | undefined;
  #abandoned = false;
  #started = false;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abandoned) controller.abort(new Error('the caller went away'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    message?: string,
  ): void {
    if (status < 200) return;
    this.#started = true;
    const raw = controller.rawHeaders ?? [];
    const headers = Array.from(raw as readonly (string | Buffer)[], (part) =>
      typeof part === 'string' ? part : part.toString('latin1'),
    );
    this.#stream.head(encodeResponseHead({ status, message: message ?? '', headers }));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#stream.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#stream.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#abandoned) return;
    if (this.#started) this.#stream.reset(ResetCode.UPSTREAM_ABORTED, 'the API server broke off its answer');
    else {
      const { code, message } = failureOf(error);
      this.#stream.reset(code, message);
    }
  }

  resume(): void {
    this.#controller?.resume();
  }

  /** The caller is gone: the API server sees its connection close and stops the work. */
  abandon(): void {
    this.#abandoned = true;
    this.#controller?.abort(new Error('the caller went away'));
  }
}
