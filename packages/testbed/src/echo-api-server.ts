// A stand-in API server that says back exactly what reached it, and misbehaves on request.
import { createHash } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { answerUpgrade } from './echo-upgrade.ts';

export interface EchoApiServerOptions {
  /** PEM; without it the server speaks plain HTTP. `ca` makes it ask for (and not insist on) client certificates. */
  tls?: { key: string; cert: string; ca?: string };
  /** Default: a free port. */
  port?: number;
  /** Keep no record of requests (for benches). Default false. */
  quiet?: boolean;
}

/** One request that arrived; nothing in `requests` means nothing arrived. */
export interface RecordedRequest {
  method: string;
  /** As on the request line. */
  url: string;
  /** name, value, … as on the wire. */
  rawHeaders: string[];
  upgrade: boolean;
  /** Bytes received after an upgrade's head. */
  upgradeBytes: number;
  /** The answer was written to its end. */
  finished: boolean;
  arrivedAtMs: number;
  /** When the socket closed (performance.now()), undefined while open. An early value is a client's abort. */
  closedAtMs: number | undefined;
  /** Resolves when the request's socket has closed. */
  closed: Promise<void>;
}

export interface EchoApiServer {
  readonly url: string;
  readonly port: number;
  readonly requests: RecordedRequest[];
  /** Writes one event, as one chunk, to every open /watch. Returns to how many. */
  emit(event: unknown): number;
  /** Ends every open /watch cleanly. */
  endWatches(): void;
  /** Number of open TCP connections. */
  readonly connections: number;
  /** Destroys every connection at once, as when the process dies; goes on listening. */
  destroyConnections(): void;
  close(): Promise<void>;
}

export interface EchoBody {
  method: string;
  url: string;
  rawHeaders: string[];
  bodyBytes: number;
  bodySha256: string;
  trailers: string[];
}

const MAX_RECORDS = 10_000;
const BENCH_BODY = Buffer.from(
  JSON.stringify({
    kind: 'Bench',
    apiVersion: 'v1',
    pad: 'x'.repeat(1024 - '{"kind":"Bench","apiVersion":"v1","pad":""}'.length),
  }),
);
const BULK_CHUNK = Buffer.alloc(64 * 1024, 'fairlead');

/**
 * Starts the server on 127.0.0.1. Paths (all else echoes an EchoBody as JSON):
 *
 * - `/api/v1/bench`: 1024 bytes of JSON at once; the request body is not read
 * - `/bulk?bytes=N`: N bytes with back-pressure (`&chunked` leaves Content-Length out)
 * - `/sink`: reads the body, answers `{"bytes":N,"sha256":"…"}` — `/early` answers before it reads the body
 * - `/watch[?intervalMs=N]`: one JSON line a chunk, on `emit()` or at an interval, with no end
 * - `/hang`: never answers; `/hang-body`: sends a head and one chunk, then nothing
 * - `/die-before-head`, `/die-mid-body`: destroys the socket (the latter after 1000 of 100000 bytes; `?chunked`: in a chunked body)
 * - `/redirect?to=L[&code=N]`: 302 with Location L as given (percent-decoded)
 * - `/status/CODE`: that status with a small body (none for 204 and 304)
 * - `/gzip`, `/headers-64k`, `/headers?Name=value`: those headers in the answer; `/trailers`; `/continue`: see Expect
 * - `/upgrade/{echo,refuse-403,bad-accept,wrong-protocol,early-bytes,half-close,…}`: see echo-upgrade.ts
 */
export async function startEchoApiServer(options: EchoApiServerOptions = {}): Promise<EchoApiServer> {
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  const watches = new Set<ServerResponse>();
  const record = (req: IncomingMessage, upgrade: boolean): RecordedRequest => {
    const entry = recordOf(req, upgrade);
    if (options.quiet !== true && requests.length < MAX_RECORDS) requests.push(entry);
    return entry;
  };
  const listener: RequestListener = (req, res) => {
    if (req.url === '/api/v1/bench') {
      if (options.quiet !== true) finishes(record(req, false), res);
      bench(req, res);
      return;
    }
    finishes(record(req, false), res);
    answer(req, res, watches);
  };
  const limits = {
    maxHeaderSize: 1024 * 1024,
    requestTimeout: 0,
    allowHalfOpen: true,
    headersTimeout: 10_000,
    keepAliveTimeout: 60_000,
  };
  const server =
    options.tls === undefined
      ? createHttpServer(limits, listener)
      : createHttpsServer({ ...limits, ...tlsOptions(options.tls) }, listener);
  server.maxHeadersCount = 0;
  // TCP sockets, also of TLS connections: one whose handshake failed is known by no other name.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket: Socket) => socket.on('error', () => {}));
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    answerUpgrade(req, socket, head, record(req, true));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    requests,
    emit(event) {
      const line = `${JSON.stringify(event)}\n`;
      for (const res of watches) res.write(line);
      return watches.size;
    },
    endWatches() {
      for (const res of watches) res.end();
    },
    get connections() {
      return sockets.size;
    },
    destroyConnections() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      const done = new Promise<void>((resolve) => server.close(() => resolve()));
      const gone = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await Promise.all([done, ...gone]);
    },
  };
}

function tlsOptions(tls: { key: string; cert: string; ca?: string }): object {
  const base = { key: tls.key, cert: tls.cert, ALPNProtocols: ['http/1.1'] };
  return tls.ca === undefined ? base : { ...base, ca: tls.ca, requestCert: true, rejectUnauthorized: false };
}

function recordOf(req: IncomingMessage, upgrade: boolean): RecordedRequest {
  const { socket } = req;
  const entry: RecordedRequest = {
    method: req.method ?? '',
    url: req.url ?? '',
    rawHeaders: req.rawHeaders,
    upgrade,
    upgradeBytes: 0,
    finished: false,
    arrivedAtMs: performance.now(),
    closedAtMs: undefined,
    closed: Promise.resolve(),
  };
  entry.closed = new Promise<void>((resolve) => {
    const onClose = (): void => {
      entry.closedAtMs = performance.now();
      resolve();
    };
    if (socket.destroyed) onClose();
    else socket.once('close', onClose);
  });
  return entry;
}

function finishes(entry: RecordedRequest, res: ServerResponse): void {
  // Many requests on one keep-alive connection each listen for its end.
  res.socket?.setMaxListeners(0);
  res.once('finish', () => {
    entry.finished = true;
  });
}

function bench(req: IncomingMessage, res: ServerResponse): void {
  req.resume();
  res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(BENCH_BODY.length)]);
  res.end(BENCH_BODY);
}

function answer(req: IncomingMessage, res: ServerResponse, watches: Set<ServerResponse>): void {
  const [path = '', query = ''] = splitOnce(req.url ?? '/', '?');
  const params = new URLSearchParams(query);
  res.on('error', () => {});
  req.on('error', () => {});
  if (path === '/sink') return readBody(req, (bytes, sha256) => json(res, { bytes, sha256 }));
  if (path === '/bulk') return bulk(req, res, Number(params.get('bytes') ?? 1024), params.has('chunked'));
  if (path === '/watch') return watch(req, res, watches, Number(params.get('intervalMs') ?? 0));
  if (path === '/hang') return void req.resume();
  if (path === '/hang-body') {
    req.resume();
    return void res.write('one chunk');
  }
  if (path === '/early') {
    return json(res, { early: true });
  }
  if (path === '/die-before-head') return void req.socket.destroy();
  if (path === '/die-mid-body') return dieMidBody(res, params.has('chunked'));
  if (path === '/redirect') {
    req.resume();
    res.writeHead(Number(params.get('code') ?? 302), [
      'Location',
      params.get('to') ?? '/elsewhere',
      'Content-Length',
      '0',
    ]);
    return void res.end();
  }
  if (path.startsWith('/status/')) return status(req, res, Number(path.slice('/status/'.length)));
  if (path === '/gzip') return gzip(req, res);
  if (path === '/headers-64k') return manyHeaders(req, res);
  if (path === '/headers') return givenHeaders(req, res, params);
  if (path === '/trailers') return trailers(req, res);
  readBody(req, (bodyBytes, bodySha256) => {
    const body: EchoBody = {
      method: req.method ?? '',
      url: req.url ?? '',
      rawHeaders: req.rawHeaders,
      bodyBytes,
      bodySha256,
      trailers: req.rawTrailers,
    };
    json(res, body);
  });
}

function readBody(req: IncomingMessage, done: (bytes: number, sha256: string) => void): void {
  const hash = createHash('sha256');
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  req.on('end', () => done(bytes, hash.digest('hex')));
}

function json(res: ServerResponse, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  res.writeHead(200, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(body.length),
    'Audit-Id',
    'echo',
  ]);
  res.end(body);
}

function bulk(req: IncomingMessage, res: ServerResponse, bytes: number, chunked: boolean): void {
  req.resume();
  const headers = ['Content-Type', 'application/octet-stream'];
  if (!chunked) headers.push('Content-Length', String(bytes));
  res.writeHead(200, headers);
  let left = bytes;
  const pump = (): void => {
    while (left > 0 && !res.destroyed) {
      const chunk = left >= BULK_CHUNK.length ? BULK_CHUNK : BULK_CHUNK.subarray(0, left);
      left -= chunk.length;
      if (!res.write(chunk)) return void res.once('drain', pump);
    }
    res.end();
  };
  pump();
}

function watch(
  req: IncomingMessage,
  res: ServerResponse,
  watches: Set<ServerResponse>,
  intervalMs: number,
): void {
  req.resume();
  res.writeHead(200, ['Content-Type', 'application/json']);
  res.flushHeaders();
  watches.add(res);
  let count = 0;
  const timer =
    intervalMs > 0
      ? setInterval(() => res.write(`${JSON.stringify({ type: 'BOOKMARK', n: count++ })}\n`), intervalMs)
      : undefined;
  res.on('close', () => {
    clearInterval(timer);
    watches.delete(res);
  });
}

function dieMidBody(res: ServerResponse, chunked: boolean): void {
  res.writeHead(200, chunked ? [] : ['Content-Length', '100000']);
  res.write(Buffer.alloc(1000, 'x'), () => res.socket?.destroy());
}

function status(req: IncomingMessage, res: ServerResponse, code: number): void {
  req.resume();
  const body = Buffer.from(`status ${code}\n`);
  if (code === 204 || code === 304) {
    res.writeHead(code, code === 304 ? ['ETag', '"echo"'] : []);
    res.end();
    return;
  }
  res.writeHead(code, ['Content-Type', 'text/plain', 'Content-Length', String(body.length)]);
  res.end(body);
}

function gzip(req: IncomingMessage, res: ServerResponse): void {
  req.resume();
  const body = gzipSync(Buffer.from('{"kind":"Zipped"}\n'.repeat(1000)));
  res.writeHead(200, [
    'Content-Type',
    'application/json',
    'Content-Encoding',
    'gzip',
    'Content-Length',
    String(body.length),
  ]);
  res.end(body);
}

/** 64 headers of 1 KiB each. */
function manyHeaders(req: IncomingMessage, res: ServerResponse): void {
  req.resume();
  const headers = ['Content-Length', '3'];
  for (let i = 0; i < 64; i++) {
    const name = `X-Large-${String(i).padStart(2, '0')}`;
    headers.push(name, 'v'.repeat(1024 - name.length - 4));
  }
  res.writeHead(200, headers);
  res.end('ok\n');
}

function givenHeaders(req: IncomingMessage, res: ServerResponse, params: URLSearchParams): void {
  req.resume();
  const headers = ['Content-Length', '3'];
  for (const [name, value] of params) headers.push(name, value);
  res.writeHead(200, headers);
  res.end('ok\n');
}

function trailers(req: IncomingMessage, res: ServerResponse): void {
  req.resume();
  res.writeHead(200, ['Trailer', 'X-Checksum']);
  res.write('body\n');
  res.addTrailers({ 'X-Checksum': 'abc' });
  res.end();
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
