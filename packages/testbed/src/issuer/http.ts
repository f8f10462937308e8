/** The double's small HTTPS server: one handler from request to reply, faults on demand, requests counted. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Ask {
  method: string;
  path: string;
  query: URLSearchParams;
  form: URLSearchParams;
  /** Basic credentials, decoded. */
  basic: { id: string; secret: string } | undefined;
}
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Answer only after this. */
  delayMs?: number;
}

const MAX_BODY_BYTES = 64 * 1024;

export function json(value: unknown, status = 200): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(value),
  };
}

export async function listen(
  tls: { key: string; cert: string },
  port: number,
  answer: (ask: Ask) => Reply | Promise<Reply>,
): Promise<{ port: number; close: () => Promise<void> }> {
  const stopping = new AbortController();
  const server = createServer({ key: tls.key, cert: tls.cert }, (request, response) => {
    respond(request, response, answer, stopping.signal).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => close(server, stopping) };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (ask: Ask) => Reply | Promise<Reply>,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://issuer.invalid');
  let body = '';
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > MAX_BODY_BYTES) throw new Error('body too large');
  }
  const reply = await answer({
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    form: new URLSearchParams(body),
    basic: basicCredentials(request.headers.authorization),
  });
  if (reply.delayMs !== undefined) await sleep(reply.delayMs, undefined, { signal });
  response.writeHead(reply.status, reply.headers ?? {});
  response.end(reply.body ?? '');
}

async function close(server: Server, stopping: AbortController): Promise<void> {
  stopping.abort();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** RFC 6749 section 2.3.1: both parts are form-encoded before they are joined. */
function basicCredentials(header: string | undefined): Ask['basic'] {
  const [scheme = '', value = ''] = (header ?? '').split(' ');
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const [id = '', secret = ''] = Buffer.from(value, 'base64').toString().split(':').map(formDecode);
  return { id, secret };
}

function formDecode(text: string): string {
  return new URLSearchParams(`v=${text}`).get('v') ?? '';
}
