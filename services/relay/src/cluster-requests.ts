/** Takes requests for clusters from the HTTP server: admits, forwards or upgrades them, and answers what is refused. */

import { randomFillSync } from 'node:crypto';
import { ServerResponse, STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { refusalHeaders, statusBody, toRefusal, upgradeHeaders, type Refusal } from '@fairlead/kube';
import type { Logger } from 'pino';
import { forward } from './forward.ts';
import type { Admitted, Gateway } from './gateway.ts';
import type { Metrics } from './metrics.ts';
import { splice } from './splice.ts';

const ID_BYTES = 9;
// Drawn many at a time: a call for each request costs more than the rest of its id.
const drawn = Buffer.alloc(ID_BYTES * 512);
let nextId = drawn.length;

export interface ClusterRequestsOptions {
  gateway: Gateway;
  ownHosts: string[];
  log: Logger;
  metrics: Metrics;
}

export class ClusterRequests {
  readonly #options: ClusterRequestsOptions;

  constructor(options: ClusterRequestsOptions) {
    this.#options = options;
  }

  /** An ordinary request, or one whose upgrade is not one we know. */
  handle(request: IncomingMessage, response: ServerResponse, sendContinue = false): void {
    const exchange = new Exchange(this.#options, request, response);
    exchange.run((admitted) => exchange.forward(admitted, { sendContinue }));
  }

  /** A request that the HTTP server handed over with its socket, to be upgraded if the API server agrees. */
  handleUpgrade(request: IncomingMessage, socket: Socket, first: Buffer): void {
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    // Node gives `drain` to the responses of its own parser only.
    const drain = (): void => void response.emit('drain');
    socket.on('drain', drain);
    // Without an upgrade this connection has no parser any more: after the answer it ends.
    response.once('finish', () => socket.destroySoon());
    // Half-open is for what is upgraded: before that, a caller that has ended is gone.
    const gone = (): void => void socket.destroy();
    socket.once('end', gone);
    socket.read(0);
    const exchange = new Exchange(this.#options, request, response);
    exchange.run((admitted) =>
      exchange.forward(admitted, { sendContinue: false, upgrade: { socket, first, gone, drain } }),
    );
  }
}

/** One request's life, with its correlation id. */
class Exchange {
  readonly #options: ClusterRequestsOptions;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #id = newId();
  readonly #startedMs = performance.now();
  #admitted: Admitted | undefined;

  constructor(options: ClusterRequestsOptions, request: IncomingMessage, response: ServerResponse) {
    this.#options = options;
    this.#request = request;
    this.#response = response;
    request.on('error', () => {});
    response.on('error', () => {});
  }

  /** Admits the request and passes it to `next`; whatever is thrown becomes the answer. */
  run(next: (admitted: Admitted) => void): void {
    const proceed = (admitted: Admitted): void => {
      if (this.#response.destroyed) return;
      this.#admitted = admitted;
      next(admitted);
    };
    try {
      const admitted = this.#options.gateway.admit(this.#request, this.#id);
      if (admitted instanceof Promise) {
        admitted.then(proceed).catch((error: unknown) => this.#refuse(toRefusal(error)));
      } else proceed(admitted);
    } catch (error) {
      this.#refuse(toRefusal(error));
    }
  }

  forward(
    admitted: Admitted,
    {
      sendContinue,
      upgrade,
    }: {
      sendContinue: boolean;
      upgrade?: { socket: Socket; first: Buffer; gone: () => void; drain: () => void };
    },
  ): void {
    let answered: Refusal | undefined;
    forward(admitted, this.#request, this.#response, {
      ownHosts: this.#options.ownHosts,
      sendContinue,
      refused: (refusal) => {
        answered = refusal;
        this.#answer(refusal);
      },
      ended: (status, reason) => {
        this.#options.metrics.open.dec();
        this.#log(status ?? answered?.status, answered?.code ?? reason, answered?.cause);
      },
      ...(upgrade === undefined
        ? {}
        : {
            upgraded: (stream, status, message, headers) => {
              upgrade.socket.off('end', upgrade.gone);
              upgrade.socket.off('drain', upgrade.drain);
              this.#response.detachSocket(upgrade.socket);
              const all = [...headers, ...upgradeHeaders(admitted.head.upgrade ?? 'websocket')];
              splice(stream, upgrade.socket, { status, message, headers: all }, upgrade.first);
            },
          }),
    });
    // After forward(): one that throws has opened no stream, and is answered and counted by run().
    this.#options.metrics.open.inc();
  }

  /** Answers and logs a request that was never sent on. */
  #refuse(refusal: Refusal): void {
    this.#answer(refusal);
    this.#log(refusal.status, refusal.code, refusal.cause);
  }

  #answer(refusal: Refusal): void {
    const response = this.#response;
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const body = statusBody(refusal, this.#id);
    // A body that was not read would be taken for the next request's head.
    if (!this.#request.complete) response.shouldKeepAlive = false;
    response.writeHead(
      refusal.status,
      STATUS_CODES[refusal.status] ?? '',
      refusalHeaders(refusal, body.length),
    );
    response.end(body);
  }

  #log(status: number | undefined, reason: string | undefined, cause?: unknown): void {
    const { log, metrics } = this.#options;
    metrics.request(status);
    if (!log.isLevelEnabled('info')) return;
    const { method } = this.#request;
    log.info({
      id: this.#id,
      cluster: this.#admitted?.cluster,
      user: this.#admitted?.principal.user,
      method,
      path: this.#admitted?.head.target.split('?', 1)[0],
      status,
      reason,
      ms: Math.round(performance.now() - this.#startedMs),
      ...(cause instanceof Error
        ? { cause: cause.message, causeCode: (cause as { code?: string }).code }
        : {}),
    });
  }
}

/** A correlation id: 72 random bits. */
function newId(): string {
  if (nextId === drawn.length) {
    randomFillSync(drawn);
    nextId = 0;
  }
  nextId += ID_BYTES;
  return drawn.toString('base64url', nextId - ID_BYTES, nextId);
}
