/** Upgraded requests (exec, attach, cp, port-forward): one HTTP/1.1 connection each, raw bytes after a checked 101. */

import { createHash } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { encodeResponseHead, type RequestHead } from '@fairlead/kube';
import { ResetCode, type Stream } from '@fairlead/tunnel';
import { failureOf } from './failure.ts';
import type { ApiServerOptions } from './ordinary.ts';

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Sends one upgrade request; the stream then carries either the raw bytes after 101 or an ordinary answer. */
export function sendUpgrade(
  stream: Stream,
  request: RequestHead,
  headers: string[],
  server: ApiServerOptions,
): void {
  const { url } = server;
  const protocol = request.upgrade ?? '';
  const upstream = httpsRequest({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || 443,
    method: request.method,
    path: request.target,
    headers: ['Host', url.host, ...headers, 'Connection', 'Upgrade', 'Upgrade', protocol],
    agent: false,
    // A client may end its half and still wait for output (exec with stdin from a file).
    allowHalfOpen: true,
    maxHeaderSize: 128 * 1024,
    ...(server.ca === undefined ? {} : { ca: server.ca }),
  } as RequestOptions);
  upstream.maxHeadersCount = 0;
  const early = new EarlyBytes();
  stream.handler = {
    data: (chunk) => early.push(chunk),
    end: () => early.finish(),
    reset: () => upstream.destroy(),
  };
  const connecting = setTimeout(
    () => upstream.destroy(new Error('no connection in time')),
    server.connectTimeoutMs,
  );
  let late = false;
  let answering: NodeJS.Timeout | undefined;
  const answered = (): void => {
    clearTimeout(connecting);
    clearTimeout(answering);
  };
  upstream.once('socket', (socket) =>
    socket.once('secureConnect', () => {
      clearTimeout(connecting);
      answering = setTimeout(() => {
        late = true;
        upstream.destroy(new Error('no answer in time'));
      }, server.responseTimeoutMs);
    }),
  );
  upstream.once('close', answered);
  upstream.once('error', (error) => {
    if (late) return stream.reset(ResetCode.TIMEOUT, 'the API server did not begin an answer in time');
    const { code, message } = failureOf(error);
    stream.reset(code, message);
  });
  upstream.once('response', (answer) => {
    answered();
    if (answer.statusCode !== 101) passOn(stream, upstream, answer);
    // node:http takes a 101 without Upgrade for an ordinary answer; the relay would take it for an upgrade.
    else badUpgrade(stream, answer.socket, 'the API server switched to no protocol');
  });
  upstream.once('upgrade', (answer, socket, first) => {
    answered();
    const refusal = whyNotUpgraded(request, answer);
    if (refusal !== undefined) {
      badUpgrade(stream, socket, refusal);
      return;
    }
    stream.head(
      encodeResponseHead({ status: 101, message: answer.statusMessage ?? '', headers: answer.rawHeaders }),
    );
    splice(stream, socket as Socket, first, early);
  });
  upstream.end();
}

function badUpgrade(stream: Stream, socket: Duplex, why: string): void {
  stream.reset(ResetCode.UPSTREAM_BAD_UPGRADE, why);
  socket.destroy();
}

/** A 101 must be the upgrade that was asked for (RFC 9110 7.8, RFC 6455 4.1), else its bytes are somebody else's. */
function whyNotUpgraded(request: RequestHead, answer: IncomingMessage): string | undefined {
  if (answer.headers.upgrade?.toLowerCase() !== request.upgrade?.toLowerCase()) {
    return `the API server switched to '${answer.headers.upgrade ?? ''}', not to '${request.upgrade}'`;
  }
  if (request.upgrade !== 'websocket') return undefined;
  const at = request.headers.findIndex(
    (name, index) => index % 2 === 0 && name.toLowerCase() === 'sec-websocket-key',
  );
  const key = at === -1 ? '' : (request.headers[at + 1] ?? '');
  const expected = createHash('sha1')
    .update(key + WEBSOCKET_GUID)
    .digest('base64');
  return answer.headers['sec-websocket-accept'] === expected
    ? undefined
    : 'the API server accepted another WebSocket key';
}

/** An answer that is no upgrade goes back untouched, and its connection is never used again (CVE-2018-1002105). */
function passOn(stream: Stream, upstream: ClientRequest, answer: IncomingMessage): void {
  stream.handler = {
    data: (chunk) => stream.consumed(chunk.length), // bytes meant for the upgraded protocol: dropped
    end: () => {},
    reset: () => upstream.destroy(),
    writable: () => answer.resume(),
  };
  stream.head(
    encodeResponseHead({
      status: answer.statusCode ?? 502,
      message: answer.statusMessage ?? '',
      headers: answer.rawHeaders,
    }),
  );
  answer.on('data', (chunk: Buffer) => {
    if (!stream.write(chunk)) answer.pause();
  });
  answer.once('end', () => {
    stream.end();
    upstream.destroy();
  });
  answer.once('error', () => stream.reset(ResetCode.UPSTREAM_ABORTED, 'the API server broke off its answer'));
}

/** Joins stream and socket, byte for byte, each direction with its own end. */
function splice(stream: Stream, socket: Socket, first: Buffer, early: EarlyBytes): void {
  socket.setNoDelay(true);
  let owed = 0;
  const toSocket = (chunk: Buffer): void => {
    if (socket.write(chunk)) stream.consumed(chunk.length);
    else owed += chunk.length;
  };
  socket.on('drain', () => {
    const bytes = owed;
    owed = 0;
    if (bytes > 0) stream.consumed(bytes);
  });
  stream.handler = {
    data: toSocket,
    end: () => socket.end(),
    reset: () => socket.destroy(),
    writable: () => socket.resume(),
  };
  early.replay(toSocket, () => socket.end());
  if (first.length > 0 && !stream.write(first)) socket.pause();
  socket.on('data', (chunk: Buffer) => {
    if (!stream.write(chunk)) socket.pause();
  });
  socket.once('end', () => stream.end());
  const gone = (): void => {
    if (!socket.readableEnded)
      stream.reset(ResetCode.UPSTREAM_ABORTED, 'the connection to the API server broke');
    // All its output is on the way to the caller: a reset would cut that off. What still comes has no taker.
    else stream.handler = { data: (chunk) => stream.consumed(chunk.length), end: () => {}, reset: () => {} };
    if (owed > 0 && !stream.closed) stream.consumed(owed);
    owed = 0;
  };
  socket.once('error', gone);
  socket.once('close', gone);
}

/** Bytes that arrive before the 101, bounded by the stream's window since none of them is consumed yet. */
class EarlyBytes {
  readonly #chunks: Buffer[] = [];
  #finished = false;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  finish(): void {
    this.#finished = true;
  }

  replay(write: (chunk: Buffer) => void, end: () => void): void {
    for (const chunk of this.#chunks.splice(0)) write(chunk);
    if (this.#finished) end();
  }
}
