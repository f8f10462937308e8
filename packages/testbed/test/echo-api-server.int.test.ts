// The stand-in API server itself: if it lies, every test that trusts it does.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { connect as tcpConnect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import t from 'tap';
import { makeCa } from '../src/certs.ts';
import { startEchoApiServer } from '../src/echo-api-server.ts';
import type { EchoApiServer, EchoBody, EchoApiServerOptions } from '../src/echo-api-server.ts';
import { EARLY_BYTES, websocketAccept } from '../src/echo-upgrade.ts';

async function start(test: Tap, options: EchoApiServerOptions = {}): Promise<EchoApiServer> {
  const server = await startEchoApiServer(options);
  test.teardown(() => server.close());
  return server;
}
type Tap = Pick<typeof t, 'teardown'>;

async function fetchRaw(server: EchoApiServer, path: string, options: http.RequestOptions = {}, body = '') {
  const req = http.request(`${server.url}/`, { agent: false, ...options, path });
  req.end(body);
  const [res] = (await once(req, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  return { res, body: Buffer.concat(chunks) };
}

/** Everything the server says until it ends, and whether that was a clean end. */
async function rawExchange(
  socket: Socket,
  text: string,
  end: boolean,
): Promise<{ said: string; clean: boolean }> {
  socket.write(text);
  if (end) socket.end();
  let said = '';
  let clean = false;
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
  });
  socket.on('end', () => {
    clean = true;
  });
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { said, clean };
}

const upgradeRequest = (mode: string, token: string): string =>
  `POST /upgrade/${mode} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${token}\r\nSec-WebSocket-Key: abc\r\n` +
  'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n';

t.test('echo says the request line, headers and body as they arrived', async (t) => {
  const server = await start(t);
  const headers = ['Host', 'a', 'X-Odd_Name', '1', 'x-odd_name', '2'];
  const { body } = await fetchRaw(server, '/a//b/%2F;c?d=%zz', { method: 'PUT', headers }, 'hello');
  const echo = JSON.parse(body.toString()) as EchoBody;
  t.equal(echo.method, 'PUT');
  t.equal(echo.url, '/a//b/%2F;c?d=%zz');
  t.same(echo.rawHeaders.slice(0, 6), headers);
  t.equal(echo.bodyBytes, 5);
  t.equal(echo.bodySha256, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
  t.equal(server.requests.length, 1);
  t.equal(server.requests[0]?.finished, true);
});

t.test('fixed answers have the promised sizes', async (t) => {
  const server = await start(t);
  t.equal((await fetchRaw(server, '/api/v1/bench')).body.length, 1024);
  t.equal((await fetchRaw(server, '/bulk?bytes=200001')).body.length, 200_001);
  t.equal((await fetchRaw(server, '/bulk?bytes=200001&chunked')).body.length, 200_001);
  const large = await fetchRaw(server, '/headers-64k', { maxHeaderSize: 1024 * 128 });
  t.equal(large.res.rawHeaders.filter((h) => h.startsWith('X-Large-')).length, 64);
  t.equal((await fetchRaw(server, '/status/304')).res.statusCode, 304);
  t.equal((await fetchRaw(server, '/status/409')).res.statusCode, 409);
  t.equal(
    (await fetchRaw(server, '/redirect?to=/openapi/v3%3Fhash=1')).res.headers.location,
    '/openapi/v3?hash=1',
  );
  t.equal((await fetchRaw(server, '/gzip')).res.headers['content-encoding'], 'gzip');
  t.same((await fetchRaw(server, '/trailers')).res.rawTrailers, ['X-Checksum', 'abc']);
  t.same(
    JSON.parse((await fetchRaw(server, '/sink', { method: 'POST' }, 'x'.repeat(70_000))).body.toString())
      .bytes,
    70_000,
  );
});

t.test('a watch is told each event, and a client that goes away is seen', async (t) => {
  const server = await start(t);
  const req = http.get(`${server.url}/watch`, { agent: false });
  const [res] = (await once(req, 'response')) as [http.IncomingMessage];
  t.equal(server.emit({ n: 1 }), 1);
  const [chunk] = (await once(res, 'data')) as [Buffer];
  t.equal(chunk.toString(), '{"n":1}\n');
  res.on('error', () => {});
  req.destroy();
  await server.requests[0]?.closed;
  t.equal(server.requests[0]?.finished, false);
  t.equal(server.emit({ n: 2 }), 0);
});

t.test('a body cut in the middle is no clean end', async (t) => {
  const server = await start(t);
  await t.rejects(fetchRaw(server, '/die-mid-body'));
  await t.rejects(fetchRaw(server, '/die-mid-body?chunked'));
  await t.rejects(fetchRaw(server, '/die-before-head'));
});

t.test('upgrades over plain TCP', async (t) => {
  const server = await start(t);
  const ask = (mode: string, token = 'SPDY/3.1', rest = '') => {
    const socket = tcpConnect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    return rawExchange(socket, upgradeRequest(mode, token) + rest, true);
  };
  const echo = await ask('echo', 'SPDY/3.1', 'ping');
  t.match(
    echo.said,
    /^HTTP\/1\.1 101 .*\r\nUpgrade: SPDY\/3\.1\r\nX-Stream-Protocol-Version: v4\.channel\.k8s\.io\r\n\r\nping$/s,
  );
  t.ok(echo.clean);
  t.equal(server.requests[0]?.upgradeBytes, 4);
  t.ok((await ask('echo', 'websocket')).said.includes(`Sec-WebSocket-Accept: ${websocketAccept('abc')}\r\n`));
  t.ok((await ask('bad-accept', 'websocket')).said.includes('Sec-WebSocket-Accept: '));
  t.notOk((await ask('bad-accept', 'websocket')).said.includes(websocketAccept('abc')));
  t.match((await ask('wrong-protocol')).said, /Upgrade: something-else/);
  t.ok((await ask('early-bytes', 'SPDY/3.1', 'x')).said.endsWith(`\r\n\r\n${EARLY_BYTES}x`));
  t.ok((await ask('half-close', 'SPDY/3.1', 'abc')).said.endsWith('\r\n\r\nreceived 3 bytes'));
  t.match((await ask('refuse-403')).said, /^HTTP\/1\.1 403 .*"reason":"Forbidden"/s);
  t.equal((await ask('die')).said, '');
  t.ok((await ask('die-after-101')).said.endsWith('partial'));
});

t.test('over TLS, with certificates of our own authority, half-close works as well', async (t) => {
  const ca = await makeCa();
  const server = await start(t, {
    tls: await ca.issue({ commonName: 'api', names: ['api.test', '127.0.0.1'] }),
  });
  const tcp = tcpConnect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  const socket = tlsConnect({ socket: tcp, ca: ca.cert, servername: 'api.test' });
  await once(socket, 'secureConnect');
  const { said, clean } = await rawExchange(socket, `${upgradeRequest('half-close', 'SPDY/3.1')}abcd`, true);
  t.ok(said.endsWith('received 4 bytes'));
  t.ok(clean);
  const req = https.get(`${server.url}/x`, { ca: ca.cert, agent: false });
  const [res] = (await once(req, 'response')) as [http.IncomingMessage];
  res.resume();
  await once(res, 'end');
  const stranger = await makeCa();
  await t.rejects(once(https.get(`${server.url}/x`, { ca: stranger.cert, agent: false }), 'response'));
});

t.test('certificates: expired ones are refused, names are checked', async (t) => {
  const ca = await makeCa();
  const expired = await start(t, { tls: await ca.issue({ commonName: 'a', validForMs: -1000 }) });
  const other = await start(t, { tls: await ca.issue({ commonName: 'b', names: ['other.test'] }) });
  const get = (server: EchoApiServer) =>
    once(https.get(`${server.url}/x`, { ca: ca.cert, agent: false }), 'response');
  await t.rejects(get(expired), { code: 'CERT_HAS_EXPIRED' });
  await t.rejects(get(other), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

t.test('closing leaves no connection', async (t) => {
  const server = await startEchoApiServer();
  const req = http.get(`${server.url}/hang`, { agent: false });
  req.on('error', () => {});
  while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await server.close();
  t.equal(server.connections, 0);
  await server.requests[0]?.closed;
});
