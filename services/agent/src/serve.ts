/** One stream from the relay is one request to the API server: decode, refuse or send. */

import {
  checkTarget,
  decodeRequestHead,
  isForwardableMethod,
  refuse,
  type RequestHead,
} from '@fairlead/kube';
import { ResetCode, type Stream } from '@fairlead/tunnel';
import type { Logger } from 'pino';
import { OrdinaryRequests, type ApiServerOptions } from './ordinary.ts';
import { outgoingHeaders } from './outgoing.ts';
import type { ServiceAccountToken } from './service-account-token.ts';
import { sendUpgrade } from './upgrade.ts';

export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #token: ServiceAccountToken;
  readonly #log: Logger;
  readonly #ordinary: OrdinaryRequests;

  constructor(options: ApiServerOptions, token: ServiceAccountToken, log: Logger) {
    this.#options = options;
    this.#token = token;
    this.#log = log;
    this.#ordinary = new OrdinaryRequests(options);
  }

  /** Takes a stream that the relay opened. Sets its handler before it returns. */
  serve(stream: Stream, hasBody: boolean): void {
    let request: RequestHead;
    let headers: string[];
    try {
      request = decodeRequestHead(stream.meta);
      // The relay has checked both: a relay that has not is no reason to send it.
      checkTarget(request.target);
      if (!isForwardableMethod(request.method)) throw refuse('ERR_METHOD_NOT_ALLOWED');
      headers = outgoingHeaders(request, () => this.#token.current());
    } catch (error) {
      // Fail closed: whatever went wrong, nothing is sent.
      this.#log.warn(
        { error: (error as Error).message, code: (error as { code?: string }).code },
        'request refused',
      );
      stream.reset(ResetCode.NO_IDENTITY, 'the agent refuses this request');
      return;
    }
    this.#log.debug({ id: request.id, method: request.method }, 'request');
    if (request.upgrade === undefined) this.#ordinary.send(stream, request, headers, hasBody);
    else sendUpgrade(stream, request, headers, this.#options);
  }

  /** A small GET of the agent's own, as itself. */
  getJson(path: string): Promise<unknown> {
    return this.#ordinary.getJson(path, this.#token.current());
  }

  close(): Promise<void> {
    return this.#ordinary.close();
  }
}
