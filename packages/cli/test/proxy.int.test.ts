// The local proxy: who may use it, what passes, how it begins and ends.
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as https from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import type { Test } from 'tap';
import { parse } from 'yaml';
import { LocalProxy } from '../src/proxy/listener.ts';
import type { Io } from '../src/io.ts';
import { FakeRelay, cli, testIo } from './support.ts';
import type { TestIo } from './support.ts';

const SECRET = 'local-secret';

async function started(t: Test): Promise<{ relay: FakeRelay; proxy: LocalProxy }> {
  const relay = await new FakeRelay().start();
  t.teardown(() => relay.stop());
  const options = {
    relay: relay.url,
    cluster: 'demo',
    ca: undefined,
    port: 0,
    secret: SECRET,
    token: async () => 'users.token',
  };
  const proxy = await LocalProxy.start(options);
  t.teardown(() => proxy[Symbol.asyncDispose]());
  return { relay, proxy };
}

interface Answer {
  status: number;
  body: string;
  headers: Record<string, unknown>;
}

function ask(
  proxy: LocalProxy,
  path: string,
  options: https.RequestOptions = {},
  body?: string,
): Promise<Answer> {
  const done = Promise.withResolvers<Answer>();
  const headers = { authorization: `Bearer ${SECRET}`, ...(options.headers as Record<string, string>) };
  // Not a URL: that would take `%2e%2e` out of the path.
  const request = https.request(
    { host: '127.0.0.1', port: proxy.port, path, ca: proxy.certificate, agent: false, ...options, headers },
    (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () =>
        done.resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }),
      );
      response.on('error', done.reject);
    },
  );
  request.on('error', done.reject);
  request.end(body);
  return done.promise;
}

t.test('a request passes with the token of the user in place of the secret', async (t) => {
  const { relay, proxy } = await started(t);
  relay.kubernetes = (request, response) => void request.pipe(response);
  const path = '/api/v1/%2e%2e/x?a=%2F&b';
  const { status, body } = await ask(
    proxy,
    path,
    { method: 'POST', headers: { connection: 'x-hop', 'x-hop': '1', cookie: 'c=1' } },
    'hello',
  );
  t.equal(status, 200);
  t.equal(body, 'hello');
  const [seen] = relay.seen;
  t.equal(seen?.url, `/clusters/demo${path}`);
  t.match(seen?.headers, { authorization: 'Bearer users.token', host: new URL(relay.url).host });
  t.notOk(seen?.headers['x-hop']);
  t.notOk(seen?.headers.cookie);
});

t.test('without the secret, or with another, nothing reaches the relay', async (t) => {
  const { relay, proxy } = await started(t);
  for (const authorization of ['', 'Bearer x', `Basic ${SECRET}`, `Bearer ${SECRET}x`]) {
    const { status, body } = await ask(proxy, '/version', { headers: { authorization } });
    t.equal(status, 401);
    t.match(JSON.parse(body), { kind: 'Status', reason: 'Unauthorized' });
  }
  t.equal(await upgradeStatus(proxy, 'Bearer x'), 401);
  t.equal(relay.seen.length, 0);
});

t.test('whatever path is asked for stays under the cluster', async (t) => {
  const { relay, proxy } = await started(t);
  for (const path of [
    '/api/v1/clusters',
    '/clusters/other/version',
    '/../other/version',
    '/%2e%2e/other',
    '//x',
    '/?a=b',
  ]) {
    await ask(proxy, path);
    t.equal(relay.seen.at(-1)?.url, `/clusters/demo${path}`);
  }
  const count = relay.seen.length;
  for (const path of ['https://relay/api/v1/clusters', '*'])
    t.equal((await ask(proxy, path)).status, 400, path);
  t.equal(relay.seen.length, count);
});

t.test('chunks of a watch pass at once, and its end upstream is seen', async (t) => {
  const { relay, proxy } = await started(t);
  const gone = Promise.withResolvers<void>();
  relay.kubernetes = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"first":1}\n');
    response.once('close', () => gone.resolve());
  };
  const request = https.get(`${proxy.origin}/watch`, {
    ca: proxy.certificate,
    agent: false,
    headers: { authorization: `Bearer ${SECRET}` },
  });
  request.on('error', () => undefined);
  const [response] = await once(request, 'response');
  const [chunk] = await once(response, 'data');
  t.equal(String(chunk), '{"first":1}\n');
  request.destroy();
  await gone.promise;
});

t.test('a body that is cut upstream does not look whole', async (t) => {
  const { relay, proxy } = await started(t);
  relay.kubernetes = (_request, response) => {
    response.writeHead(200).write('half', () => response.destroy());
  };
  await t.rejects(ask(proxy, '/list'));
});

t.test('a Location under the cluster is brought back to the proxy, any other stays', async (t) => {
  const { relay, proxy } = await started(t);
  for (const [location, expected] of [
    [`${relay.url}/clusters/demo/x?y`, '/x?y'],
    ['/clusters/demo/x', '/x'],
    ['/clusters/demolition/x', '/clusters/demolition/x'],
    ['https://elsewhere/clusters/demo/x', 'https://elsewhere/clusters/demo/x'],
  ]) {
    relay.kubernetes = (_request, response) => void response.writeHead(301, { location }).end();
    t.equal((await ask(proxy, '/y')).headers.location, expected);
  }
});

t.test('a relay that is away gives a Status', async (t) => {
  const { relay, proxy } = await started(t);
  relay.kubernetes = (request) => void request.socket.destroy();
  const { status, body } = await ask(proxy, '/version');
  t.equal(status, 502);
  t.match(JSON.parse(body), { kind: 'Status', status: 'Failure', code: 502 });
});

function upgradeHead(proxy: LocalProxy, authorization: string): string {
  return `POST /exec?command=sh HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\nAuthorization: ${authorization}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`;
}

async function upgradeStatus(proxy: LocalProxy, authorization: string): Promise<number> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', ca: proxy.certificate });
  socket.write(upgradeHead(proxy, authorization));
  const [chunk] = await once(socket, 'data');
  socket.destroy();
  return Number(String(chunk).split(' ')[1]);
}

t.test(
  'an upgrade passes every byte, also those in the packet of the head, in both directions',
  async (t) => {
    const { relay, proxy } = await started(t);
    relay.server.on('upgrade', (request, socket, head) => {
      t.match(request.headers, {
        upgrade: 'SPDY/3.1',
        authorization: 'Bearer users.token',
        'x-stream-protocol-version': 'v4.channel.k8s.io',
      });
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\nearly',
      );
      socket.write(head);
      socket.pipe(socket);
    });
    const socket = connect({ port: proxy.port, host: '127.0.0.1', ca: proxy.certificate });
    const payload = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 251));
    socket.write(Buffer.concat([Buffer.from(upgradeHead(proxy, `Bearer ${SECRET}`)), payload]));
    socket.end();
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const all = Buffer.concat(chunks);
    const body = all.subarray(all.indexOf('\r\n\r\n') + 4);
    t.match(all.toString('latin1', 0, 40), /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    t.equal(body.subarray(0, 5).toString(), 'early');
    t.equal(body.length, payload.length + 5);
    t.ok(body.subarray(5).equals(payload));
  },
);

t.test('an upgrade that is refused is passed on as it is', async (t) => {
  const { relay, proxy } = await started(t);
  relay.server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno');
  });
  const socket = connect({ port: proxy.port, host: '127.0.0.1', ca: proxy.certificate });
  socket.write(upgradeHead(proxy, `Bearer ${SECRET}`));
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  t.match(text, /^HTTP\/1\.1 403 Forbidden\r\n[^]*\r\n\r\nno$/);
});

function proxyIo(home: string, more: Partial<Io> = {}): { io: TestIo; ready: Promise<void>; stop(): void } {
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const io = testIo(home, { ...more, signal: stop.signal }, (line) => {
    if (line === 'Press Ctrl+C to close proxy.') ready.resolve();
  });
  return { io, ready: ready.promise, stop: () => stop.abort() };
}

t.test('the command says what az connectedk8s proxy says, serves, and ends well', async (t) => {
  const relay = await new FakeRelay().start();
  t.teardown(() => relay.stop());
  const home = t.testdir({ token: 'users.token\n' });
  const file = join(home, 'config');
  const { io, ready, stop } = proxyIo(home);
  const tokens = ['--token-file', join(home, 'token')];
  const ended = cli(
    io,
    'proxy',
    '-n',
    'demo',
    '-g',
    'group',
    '--relay',
    relay.url,
    '-f',
    file,
    '--port',
    '0',
    ...tokens,
  );
  await ready;
  t.match(relay.seen[0], { url: '/clusters/demo/version', headers: { authorization: 'Bearer users.token' } });
  const config = parse(readFileSync(file, 'utf8'));
  const { server } = config.clusters[0].cluster;
  t.notMatch(readFileSync(file, 'utf8'), /users\.token/);
  const ca = Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString();
  const { token } = config.users[0].user;
  const request = https.get(`${server}/version`, {
    ca,
    agent: false,
    headers: { authorization: `Bearer ${token}` },
  });
  const [response] = await once(request, 'response');
  response.resume();
  t.equal(response.statusCode, 200);
  stop();
  const { code, stdout, stderr } = await ended;
  t.equal(code, 0);
  t.equal(stdout, '');
  t.same(stderr.split('\n'), [
    `Proxy is listening on port ${new URL(server).port}`,
    `Merged "demo" as current context in ${file}`,
    `Start sending kubectl requests on 'demo' context using kubeconfig at ${file}`,
    'Press Ctrl+C to close proxy.',
    '',
  ]);
});

t.test('--token - reads standard input, and -f - prints', async (t) => {
  const relay = await new FakeRelay().start();
  t.teardown(() => relay.stop());
  const home = t.testdir();
  const { io, ready, stop } = proxyIo(home, { readStdin: async () => 'typed.token\n' });
  const ended = cli(
    io,
    'proxy',
    '-n',
    'demo',
    '--relay',
    relay.url,
    '-f',
    '-',
    '--port',
    '0',
    '--token',
    '-',
    '--kube-context',
    'k',
  );
  await ready;
  stop();
  const { code, stdout, stderr } = await ended;
  t.equal(code, 0);
  t.equal(parse(stdout)['current-context'], 'k');
  t.notMatch(stderr, /warning/);
  t.match(relay.seen[0]?.headers, { authorization: 'Bearer typed.token' });
  t.notOk(existsSync(join(home, '.kube')));
});

t.test('a port in use is one clear line', async (t) => {
  const relay = await new FakeRelay().start();
  t.teardown(() => relay.stop());
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const home = t.testdir();
  const io = testIo(home, { readStdin: async () => 'a.b' });
  const { code, stderr } = await cli(
    io,
    'proxy',
    '-n',
    'demo',
    '--relay',
    relay.url,
    '--token',
    '-',
    '--port',
    String(port),
  );
  t.equal(code, 1);
  t.equal(
    stderr,
    `error: Port ${port} is already in use. Please select a different port with --port option.\n`,
  );
});

t.test('a relay that refuses the cluster ends the command before the kubeconfig is touched', async (t) => {
  const relay = await new FakeRelay().start();
  t.teardown(() => relay.stop());
  relay.kubernetes = (_request, response) => {
    const details = { causes: [{ reason: 'ERR_FORBIDDEN_CLUSTER' }] };
    response
      .writeHead(403)
      .end(JSON.stringify({ kind: 'Status', message: 'no access to cluster demo', details }));
  };
  const home = t.testdir();
  writeFileSync(join(home, 'token'), 'a.b');
  const run = cli(
    testIo(home),
    'proxy',
    '-n',
    'demo',
    '--relay',
    relay.url,
    '--token-file',
    join(home, 'token'),
    '--port',
    '0',
  );
  t.match(await run, {
    code: 1,
    stderr: /^error: cluster "demo" cannot be reached: no access to cluster demo\n$/,
  });
  t.notOk(existsSync(join(home, '.kube')));
});

t.test('a token on the command line works with a warning that does not repeat it', async (t) => {
  const home = t.testdir();
  const run = cli(
    testIo(home),
    'proxy',
    '-n',
    'demo',
    '--relay',
    'http://127.0.0.1:1',
    '--token',
    'secret.jwt',
    '--port',
    '0',
  );
  const { code, stderr } = await run;
  t.equal(code, 1);
  t.match(stderr, /^warning: .*--token-file/);
  t.match(stderr, /error: cluster "demo" cannot be reached: relay http:\/\/127\.0\.0\.1:1 cannot be reached/);
  t.notMatch(stderr, /secret\.jwt/);
});
