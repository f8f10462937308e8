/**
 * The one public TLS port: requests for clusters, agents' WebSockets, the API.
 *
 * Requests for clusters never pass the API framework's router: it decodes paths, and what is authorized must be the very
 * bytes that are forwarded. @fastify/websocket takes every `upgrade` of the server it is given, so it gets an emitter of
 * its own that sees agents' upgrades only.
 */

import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { STATUS_CODES, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { announcesBody, refusalHeaders, refuse, statusBody, upgradeToken } from '@fairlead/kube';
import type { ClusterRequests } from './cluster-requests.ts';
import type { Gateway } from './gateway.ts';

const LINK_PATH = '/agent/v1/link';
const MAX_HEADER_BLOCK_BYTES = 96 * 1024;

export interface PublicServerOptions {
  tls: { cert: string; key: string };
  gateway: Gateway;
  clusters: ClusterRequests;
}

export interface PublicServer {
  server: Server;
  /** For @fastify/websocket. */
  agentUpgrades: EventEmitter;
  /** Set by fastify's serverFactory. */
  api: RequestListener | undefined;
  /** Ends every connection at once, upgraded ones too. */
  destroyConnections(): void;
}

export function publicServer({ tls, gateway, clusters }: PublicServerOptions): PublicServer {
  const handle = (request: IncomingMessage, response: ServerResponse, sendContinue = false): void => {
    if (gateway.serves(request)) clusters.handle(request, response, sendContinue);
    else {
      if (sendContinue) response.writeContinue();
      self.api?.(request, response);
    }
  };
  const server = createServer(
    {
      ...tls,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      maxHeaderSize: MAX_HEADER_BLOCK_BYTES,
      headersTimeout: 30_000,
      // An upload may take as long as it takes.
      requestTimeout: 0,
      keepAliveTimeout: 75_000,
      // exec with input from a file ends its half and waits for the output.
      allowHalfOpen: true,
      noDelay: true,
      shouldUpgradeCallback: (request: IncomingMessage) =>
        !announcesBody(request.rawHeaders) && (isAgentLink(request) || isClusterUpgrade(request)),
    } as Parameters<typeof createServer>[0],
    (request, response) => handle(request, response),
  );
  const sockets = new Set<Socket>();
  const self: PublicServer = {
    server,
    agentUpgrades: new EventEmitter(),
    api: undefined,
    destroyConnections: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
  const isAgentLink = (request: IncomingMessage): boolean => request.url === LINK_PATH;
  const isClusterUpgrade = (request: IncomingMessage): boolean =>
    gateway.serves(request) && upgradeToken(request.method ?? '', request.rawHeaders) !== undefined;

  server.on('checkContinue', (request, response) => handle(request, response, true));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isAgentLink(request)) self.agentUpgrades.emit('upgrade', request, socket, head);
    else clusters.handleUpgrade(request, socket as Socket, head);
  });
  // The TCP sockets beneath: one that was upgraded, or never finished its handshake, is known by no other name.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // The size of the block is the limit: beyond a count Node would drop headers and say nothing.
  server.maxHeadersCount = 0;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    answerUnreadable(error, socket as Socket),
  );
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return self;
}

/** A request that could not even be parsed still gets a Status, and its connection ends: nothing after it can be trusted. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const refusal = tooLarge
    ? refuse('ERR_HEADERS_TOO_LARGE', { limitBytes: MAX_HEADER_BLOCK_BYTES })
    : refuse('ERR_BAD_HEADERS', { why: 'the request is no valid HTTP/1.1' });
  const body = statusBody(refusal, randomBytes(9).toString('base64url'));
  const headers = [...refusalHeaders(refusal, body.length), 'Connection', 'close'];
  let head = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  socket.end(Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body]));
}
