// Dialling: CA, egress proxy by CONNECT with no-proxy, refusals, and no credential in any error.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { dialWebSocket } from '../src/index.ts';

// A key for these tests only, valid for localhost and relay.test.
const pem = (name: string): Buffer =>
  readFileSync(new URL(`fixtures/localhost.${name}.pem`, import.meta.url));
const ca = pem('cert');

async function tlsServer(t: Tap) {
  const server = createServer({ key: pem('key'), cert: ca });
  const wss = new WebSocketServer({ server, maxPayload: 1024 * 1024, perMessageDeflate: false });
  wss.on('connection', (ws, request) => ws.send(JSON.stringify(request.headers)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const client of wss.clients) client.terminate();
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
type Tap = { teardown(fn: () => void): void };

/** A small CONNECT proxy; sends everything to loopback whatever the name. */
async function proxy(t: Tap, auth?: string) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, socket: Socket, head: Buffer) => {
    asked.push(request.url ?? '');
    sockets.add(socket);
    socket.on('error', () => {});
    if (
      auth !== undefined &&
      request.headers['proxy-authorization'] !== `Basic ${Buffer.from(auth).toString('base64')}`
    ) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const port = Number(request.url?.split(':').at(-1));
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    sockets.add(onward);
    onward.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

t.test('wss with the CA given sends the headers and keeps the first message', async (t) => {
  const port = await tlsServer(t);
  const ws = await dialWebSocket(`wss://localhost:${port}`, { ca, headers: { 'x-test': 'yes' } });
  const [data] = (await once(ws, 'message')) as [Buffer];
  t.match(JSON.parse(data.toString()), { 'x-test': 'yes' });
  t.equal(ws.extensions, '');
  ws.terminate();
});

t.test('a certificate that is not trusted is refused', async (t) => {
  const port = await tlsServer(t);
  await t.rejects(dialWebSocket(`wss://localhost:${port}`), {
    code: 'ERR_TUNNEL_DIAL',
    message: /self-signed/,
  });
});

t.test('through an egress proxy with credentials, by CONNECT, TLS from end to end', async (t) => {
  const port = await tlsServer(t);
  const via = await proxy(t, 'me:p%40ss');
  const proxyEnv = { HTTPS_PROXY: `http://me:p%2540ss@127.0.0.1:${via.port}` };
  const ws = await dialWebSocket(`wss://relay.test:${port}`, { ca, proxyEnv });
  t.same(via.asked, [`relay.test:${port}`]);
  await once(ws, 'message');
  ws.terminate();
});

t.test('NO_PROXY goes around the proxy', async (t) => {
  const port = await tlsServer(t);
  const via = await proxy(t);
  const proxyEnv = { HTTPS_PROXY: `http://127.0.0.1:${via.port}`, NO_PROXY: 'example.org,localhost' };
  const ws = await dialWebSocket(`wss://localhost:${port}`, { ca, proxyEnv });
  t.same(via.asked, []);
  ws.terminate();
});

t.test('a proxy that refuses, or is not there, is an error without its password', async (t) => {
  const port = await tlsServer(t);
  const via = await proxy(t, 'other:one');
  const dial = (proxyPort: number) =>
    dialWebSocket(`wss://relay.test:${port}`, {
      ca,
      proxyEnv: { HTTPS_PROXY: `http://user:hunter2@127.0.0.1:${proxyPort}` },
      handshakeTimeoutMs: 2000,
    });
  for (const proxyPort of [via.port, 1]) {
    const error = await dial(proxyPort).catch((e: Error) => e);
    t.match(error, { code: 'ERR_TUNNEL_DIAL' });
    t.notMatch(String(error), /hunter2|dXNlcjpodW50ZXIy/);
    t.comment(String(error));
  }
});

t.test('an answer other than 101 is named, a silent server is given up', async (t) => {
  const server = createHttpServer((_request, response) => response.writeHead(401).end());
  const silent = createHttpServer();
  silent.on('upgrade', (_request, socket) => t.teardown(() => socket.destroy()));
  for (const s of [server, silent]) {
    s.listen(0, '127.0.0.1');
    await once(s, 'listening');
    t.teardown(() => s.close());
  }
  const at = (s: typeof server): string => `ws://127.0.0.1:${(s.address() as AddressInfo).port}`;
  await t.rejects(dialWebSocket(at(server)), { code: 'ERR_TUNNEL_DIAL', message: /401/ });
  await t.rejects(dialWebSocket(at(silent), { handshakeTimeoutMs: 50 }), { code: 'ERR_TUNNEL_DIAL' });
});
