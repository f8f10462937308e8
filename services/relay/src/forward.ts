/** One admitted request over its stream: body up, answer down, both unbuffered, each end passed on as what it was. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  announcesBody,
  decodeResponseHead,
  encodeRequestHead,
  forwardResponseHeaders,
  KubeError,
  refuse,
  type Refusal,
} from '@fairlead/kube';
import { ResetCode, TunnelError, type Stream, type StreamHandler } from '@fairlead/tunnel';
import type { Admitted } from './gateway.ts';
import { refusalOfReset } from './reset-refusal.ts';

export interface ForwardOptions {
  /** Names of this relay, for `Location` headers in answers. */
  ownHosts: string[];
  /** The request asked for `100 Continue` and now may have it. */
  sendContinue: boolean;
  /** Called when there will be no answer from the cluster; nothing has been written. */
  refused(refusal: Refusal): void;
  /** Called once when it is over. `reason` is undefined for a whole answer. */
  ended(status: number | undefined, reason: string | undefined): void;
  /** Takes over after a 101. Without it, a 101 is a protocol error. */
  upgraded?(stream: Stream, status: number, message: string, headers: string[]): void;
}

/** Opens the stream and joins it with request and response. Throws a Refusal if it cannot be opened. */
export function forward(
  admitted: Admitted,
  request: IncomingMessage,
  response: ServerResponse,
  options: ForwardOptions,
): Stream {
  const answer = new Answer(admitted, response, options);
  const hasBody = admitted.head.upgrade === undefined && announcesBody(request.rawHeaders);
  let stream: Stream;
  try {
    stream = admitted.link.open(encodeRequestHead(admitted.head), answer, {
      end: admitted.head.upgrade === undefined && !hasBody,
      priority: admitted.head.upgrade === undefined ? 'normal' : 'interactive',
    });
  } catch (error) {
    throw openRefusal(error, admitted.cluster);
  }
  answer.bind(stream);
  if (hasBody) sendBody(request, response, stream, answer, options.sendContinue);
  else if (admitted.head.upgrade === undefined) request.resume();
  return stream;
}

function openRefusal(error: unknown, cluster: string): Refusal {
  if (!(error instanceof TunnelError)) return refuse('ERR_INTERNAL', { cluster }, { cause: error });
  const overloaded = error.code === 'ERR_TUNNEL_BUDGET' || error.code === 'ERR_TUNNEL_OPEN_RATE';
  const tooLarge = error.code === 'ERR_TUNNEL_TOO_LARGE';
  return refuse(
    tooLarge ? 'ERR_HEADERS_TOO_LARGE' : overloaded ? 'ERR_OVERLOADED' : 'ERR_LINK_LOST',
    { cluster },
    { cause: error },
  );
}

function sendBody(
  request: IncomingMessage,
  response: ServerResponse,
  stream: Stream,
  answer: Answer,
  sendContinue: boolean,
): void {
  if (sendContinue) response.writeContinue();
  answer.onWritable = () => request.resume();
  request.on('data', (chunk: Buffer) => {
    if (!stream.closed && !stream.write(chunk)) request.pause();
  });
  request.once('end', () => {
    if (!stream.closed) stream.end();
  });
  answer.onEnd = () => {
    if (request.complete) return;
    // Answered before the upload was over: the rest is read for a while, so that the caller gets to read the answer.
    request.resume();
    const { socket } = request;
    const timer = setTimeout(() => request.complete || socket.destroy(), LATE_UPLOAD_MS);
    socket.once('close', () => clearTimeout(timer));
    request.once('end', () => clearTimeout(timer));
  };
}

const LATE_UPLOAD_MS = 1000;

/** The answer's side of the stream. */
class Answer implements StreamHandler {
  readonly #admitted: Admitted;
  readonly #response: ServerResponse;
  readonly #options: ForwardOptions;
  #stream: Stream | undefined;
  #status: number | undefined;
  #owed = 0;
  #over = false;
  onWritable: (() => void) | undefined;
  onEnd: (() => void) | undefined;

  constructor(admitted: Admitted, response: ServerResponse, options: ForwardOptions) {
    this.#admitted = admitted;
    this.#response = response;
    this.#options = options;
  }

  bind(stream: Stream): void {
    this.#stream = stream;
    this.#response.on('drain', () => {
      const bytes = this.#owed;
      this.#owed = 0;
      if (bytes > 0) stream.consumed(bytes);
    });
    // A caller who goes away ends the work at the API server.
    this.#response.once('close', () => {
      if (this.#over) return;
      stream.reset(ResetCode.CANCEL, 'the caller went away');
      this.#finish('caller went away');
    });
  }

  head(meta: Buffer): void {
    try {
      this.#begin(meta);
    } catch (error) {
      // Nothing has been written: the caller gets to know, and the stream is of no use any more.
      this.#over = true;
      this.#stream?.reset(ResetCode.CANCEL, 'the answer cannot be passed on');
      const why = error instanceof KubeError ? error.message : 'it is no valid HTTP';
      const { cluster } = this.#admitted;
      this.#status = undefined;
      this.#options.refused(refuse('ERR_BAD_RESPONSE', { cluster, why }, { cause: error }));
      this.#options.ended(undefined, 'bad answer');
    }
  }

  #begin(meta: Buffer): void {
    const stream = this.#stream;
    const { status, message, headers } = decodeResponseHead(meta);
    const forwarded = forwardResponseHeaders(headers, {
      prefix: `/clusters/${this.#admitted.cluster}`,
      ownHosts: this.#options.ownHosts,
    });
    if (status < 200 && (status !== 101 || !stream || !this.#options.upgraded))
      throw new KubeError('ERR_KUBE_RESPONSE', `it has status ${status}, which was not asked for`);
    this.#status = status;
    if (status === 101) {
      this.#over = true;
      this.#options.upgraded?.(stream as Stream, status, message, forwarded);
      this.#options.ended(101, undefined);
      return;
    }
    const response = this.#response;
    response.sendDate = false;
    // Bytes beyond or short of the stated length would be read as another answer on this connection.
    response.strictContentLength = true;
    response.writeHead(status, message, forwarded);
    // Corked for this turn, a small answer leaves as one write; a watch's head leaves at once all the same.
    response.cork();
    process.nextTick(() => {
      if (!response.writableEnded && !response.destroyed) response.flushHeaders();
      response.uncork();
    });
  }

  data(chunk: Buffer): void {
    // Node would make up a 200 for a body without a head.
    if (this.#status === undefined) throw new KubeError('ERR_KUBE_RESPONSE', 'it has a body and no head');
    if (this.#response.write(chunk)) this.#stream?.consumed(chunk.length);
    else this.#owed += chunk.length;
  }

  end(): void {
    if (this.#status === undefined) {
      this.#options.refused(refuse('ERR_BAD_RESPONSE', { cluster: this.#admitted.cluster }));
    } else this.#response.end();
    this.#finish(undefined);
    this.#settle();
    this.onEnd?.();
  }

  /** After a whole answer: what the response holds counts as taken, since no `drain` follows its end. */
  #settle(): void {
    const stream = this.#stream;
    if (!stream || stream.closed) return;
    const bytes = this.#owed;
    this.#owed = 0;
    if (bytes > 0) stream.consumed(bytes);
    // A refused upgrade, or an upload that was answered early: our half has no taker any more.
    if (!stream.sending.endQueued) stream.reset(ResetCode.CANCEL, 'answered');
  }

  reset(code: number, message: string): void {
    if (this.#over) return;
    if (this.#status === undefined) {
      this.#over = true;
      this.#options.refused(refusalOfReset(code, message, this.#admitted.cluster));
      this.#options.ended(undefined, `reset ${code}`);
      return;
    }
    // Half an answer must never look like a whole one.
    this.#finish(`reset ${code}`);
    this.#response.destroy();
  }

  writable(): void {
    this.onWritable?.();
  }

  #finish(reason: string | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.ended(this.#status, reason);
  }
}
