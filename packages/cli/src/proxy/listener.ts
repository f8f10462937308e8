// The local end of `fairlead proxy`: takes kubectl's requests on loopback and sends them to the relay as the user.
// It serves the cluster at its root: `get --raw` of older kubectl (seen: 1.27, 1.33) forgets the path of a server URL.
import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';
import { CliError, reasonOf } from '../errors.ts';
import { trusted } from '../http.ts';
import { localCertificate } from './certificate.ts';
import { toClient, toRelay } from './headers.ts';

const MAX_HEADER_BYTES = 128 * 1024;
const YEAR_MS = 365 * 86_400_000;

export interface ProxyOptions {
  /** From relayUrl(). */
  relay: string;
  cluster: string;
  ca: string | undefined;
  /** 0 chooses a free port. */
  port: number;
  /** What a client must send as bearer token. */
  secret: string;
  /** The user's current token for the relay. */
  token(): Promise<string>;
}

/** A running proxy; dispose it to close the port and every connection. */
export class LocalProxy implements AsyncDisposable {
  readonly #options: ProxyOptions;
  readonly #server: https.Server;
  readonly #agent: http.Agent;
  readonly #relay: URL;
  /** Path of the cluster at the relay; all that is asked of us goes under it, so the user's token opens nothing else. */
  readonly #prefix: string;
  readonly #secretHash: Buffer;
  readonly #ca: string[] | undefined;
  readonly #sockets = new Set<Duplex>();
  /** PEM of the certificate that clients must trust. */
  readonly certificate: string;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#relay = new URL(options.relay);
    this.#prefix = `${this.#relay.pathname.replace(/\/$/, '')}/clusters/${options.cluster}`;
    this.#secretHash = hash(options.secret);
    const secure = this.#relay.protocol === 'https:';
    const ca = trusted(options.ca);
    this.#ca = ca;
    this.#agent = secure
      ? new https.Agent({ keepAlive: true, maxFreeSockets: 32, ...(ca && { ca }) })
      : new http.Agent({ keepAlive: true, maxFreeSockets: 32 });
    const { key, cert } = localCertificate(Date.now(), YEAR_MS);
    this.certificate = cert;
    // A watch may take hours and an upload too: no limit on a whole request, only on its head (headersTimeout).
    this.#server = https.createServer({
      key,
      cert,
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: 0,
      allowHalfOpen: true,
      keepAliveTimeout: 120_000,
    });
    this.#server.on('request', (request, response) => void this.#forward(request, response));
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    this.#server.on('secureConnection', (socket) => this.#track(socket));
  }

  /** Listens on 127.0.0.1. Throws CliError ERR_CLI_PORT_IN_USE. */
  static async start(options: ProxyOptions): Promise<LocalProxy> {
    const proxy = new LocalProxy(options);
    proxy.#server.listen(options.port, '127.0.0.1');
    try {
      await once(proxy.#server, 'listening');
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      const { code } = error as NodeJS.ErrnoException;
      const why = code === 'EACCES' ? 'may not be opened by this user' : 'is already in use';
      const message = `Port ${options.port} ${why}. Please select a different port with --port option.`;
      throw new CliError('ERR_CLI_PORT_IN_USE', message, { cause: error });
    }
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #track(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** Undefined if the request may pass, else why not. */
  #refusal(request: http.IncomingMessage): [status: number, reason: string, message: string] | undefined {
    const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!timingSafeEqual(hash(given), this.#secretHash)) {
      return [401, 'Unauthorized', 'this local proxy needs the token of the kubeconfig it wrote'];
    }
    if (request.url?.startsWith('/')) return undefined;
    return [400, 'BadRequest', 'the request target must be a path'];
  }

  /** Opens the request to the relay; the caller sends the body and listens. */
  async #open(request: http.IncomingMessage, upgrade: string | undefined): Promise<http.ClientRequest> {
    const token = await this.#options.token();
    const headers = toRelay(request.rawHeaders, this.#relay.host, token, upgrade);
    const sized =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    // Node would announce a chunked body for a POST without one.
    if (!sized && !['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'].includes(request.method ?? ''))
      headers.push('Content-Length', '0');
    const { hostname, port, protocol } = this.#relay;
    const outgoing = (protocol === 'https:' ? https : http).request({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port || (protocol === 'https:' ? 443 : 80),
      path: this.#prefix + request.url,
      method: request.method,
      // Half-closing matters after an upgrade, and would leave dead sockets in a pool.
      ...(upgrade === undefined
        ? { agent: this.#agent }
        : { agent: false, allowHalfOpen: true, ...(this.#ca && { ca: this.#ca }) }),
      maxHeaderSize: MAX_HEADER_BYTES,
      headers,
      setDefaultHeaders: false,
    });
    outgoing.setNoDelay(true);
    return outgoing;
  }

  async #forward(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const refused = this.#refusal(request);
    if (refused) return refuse(response, ...refused);
    let outgoing: http.ClientRequest;
    try {
      outgoing = await this.#open(request, undefined);
    } catch (error) {
      return refuse(response, 401, 'Unauthorized', messageOf(error));
    }
    // Whoever goes away first takes the other along: an ended watch must end at the API server, a cut body must not look whole.
    response.once('close', () => outgoing.destroy());
    outgoing.on('error', (error) => {
      if (response.headersSent) response.destroy();
      else
        refuse(
          response,
          502,
          'ServiceUnavailable',
          `relay ${this.#options.relay} cannot be reached: ${reasonOf(error)}`,
        );
    });
    outgoing.once('response', (incoming) => {
      response.sendDate = false;
      const headers = toClient(incoming.rawHeaders, this.#relay.origin, this.#prefix);
      response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, headers);
      response.flushHeaders();
      pipeline(incoming, response, (error) => {
        if (error) response.destroy();
      });
    });
    // Not pipeline(): an answer may come, and be passed on, before the body has been sent.
    request.pipe(outgoing);
    request.once('error', () => outgoing.destroy());
  }

  async #upgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const refused = this.#refusal(request);
    if (refused) return refuseRaw(socket, ...refused);
    let outgoing: http.ClientRequest;
    try {
      outgoing = await this.#open(request, request.headers.upgrade);
    } catch (error) {
      return refuseRaw(socket, 401, 'Unauthorized', messageOf(error));
    }
    socket.once('close', () => outgoing.destroy());
    outgoing.on('error', (error) =>
      refuseRaw(
        socket,
        502,
        'ServiceUnavailable',
        `relay ${this.#options.relay} cannot be reached: ${reasonOf(error)}`,
      ),
    );
    outgoing.once('upgrade', (incoming, upstream, first) => {
      this.#track(upstream);
      upstream.on('error', () => socket.destroy());
      upstream.once('close', () => endAndDestroy(socket));
      socket.once('close', () => upstream.destroy());
      socket.write(rawHead(incoming, incoming.rawHeaders));
      if (first.length > 0) socket.write(first);
      if (head.length > 0) upstream.write(head);
      upstream.pipe(socket);
      socket.pipe(upstream);
    });
    outgoing.once('response', (incoming) => {
      // Refused: passed on as it is, ended by closing, since nothing else can follow on this connection.
      const headers = toClient(incoming.rawHeaders, this.#relay.origin, this.#prefix);
      socket.write(rawHead(incoming, [...headers, 'Connection', 'close']));
      pipeline(incoming, socket, () => socket.destroy());
    });
    outgoing.end();
  }
}

/** Lets what was written go out, then closes; at once if it does not go. */
function endAndDestroy(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end(() => socket.destroy());
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function messageOf(error: unknown): string {
  return error instanceof CliError ? error.message : 'no token for the relay';
}

function rawHead(incoming: http.IncomingMessage, headers: readonly string[]): Buffer {
  let text = `HTTP/1.1 ${incoming.statusCode} ${incoming.statusMessage}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}

function statusBody(code: number, reason: string, message: string): string {
  const causes = [{ reason: 'ERR_CLI_PROXY', message }];
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
    details: { causes },
  });
}

function refuse(response: http.ServerResponse, code: number, reason: string, message: string): void {
  const body = statusBody(code, reason, message);
  response.writeHead(code, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}

function refuseRaw(socket: Duplex, code: number, reason: string, message: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = statusBody(code, reason, message);
  const head = `HTTP/1.1 ${code} ${http.STATUS_CODES[code]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}
