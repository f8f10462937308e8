/** How requests end: whoever goes away, and whatever breaks, is known at the other end at once and as what it was. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Link } from '@fairlead/tunnel';
import t from 'tap';
import { mint, startRelayed, type Relayed } from './support/relayed.ts';
import { arrival, arrived, exchange, mark, requestText, statusOf } from './support/wire.ts';

const relayed = await startRelayed({ access: [{ cluster: '*', users: ['alice'] }] });
t.teardown(() => relayed[Symbol.asyncDispose]());
relayed.relay.registry.addCluster('offline');

const SPDY = ['Connection: Upgrade', 'Upgrade: SPDY/3.1'];
const links = (of: Relayed): readonly Link[] => of.relay.links.of('demo');
/** The promise for the way from a caller's close to the API server. */
const PROMISED_MS = 100;

/** A connection whose TCP socket is at hand. */
async function overTcp(): Promise<{ tcp: Socket; socket: TLSSocket }> {
  const tcp = connect(relayed.relay.port, '127.0.0.1');
  const socket = connectTls({ socket: tcp, ca: relayed.ca, servername: 'localhost' });
  await once(socket, 'secureConnect');
  for (const each of [tcp, socket]) each.on('error', () => {});
  return { tcp, socket };
}

async function noStreams(of: Relayed): Promise<void> {
  while (links(of).some(({ streams }) => streams > 0)) await new Promise((r) => setTimeout(r, 5));
}

for (const [what, path, lines, body] of [
  ['a request without an answer yet', '/hang', [], ''],
  ['a watch', '/watch', [], ''],
  ['a download in its middle', '/hang-body', [], ''],
  ['an upload in its middle', '/sink', ['Content-Length: 100000'], 'begin'],
  ['a chunked upload in its middle', '/sink', ['Transfer-Encoding: chunked'], '5\r\nbegin\r\n'],
  ['an upgraded connection', '/upgrade/echo', SPDY, 'begin'],
  ['an upgrade without an answer yet', '/upgrade/hang', SPDY, ''],
] as const) {
  for (const how of ['closes', 'resets'] as const) {
    t.test(`${what}: a client that ${how} ends the work at the API server within 100 ms`, async (t) => {
      const marked = mark();
      const { tcp, socket } = await overTcp();
      const method = lines.some((line) => /^(content|transfer)/i.test(line)) ? 'POST' : 'GET';
      socket.write(requestText(`${path}?${marked}`, { method, lines: [...lines], body }));
      const record = await arrival(relayed, marked);
      if (path === '/watch' || path === '/hang-body' || path === '/upgrade/echo') await once(socket, 'data');
      const from = performance.now();
      if (how === 'closes') socket.destroy();
      else tcp.resetAndDestroy();
      await record.closed;
      const tookMs = (record.closedAtMs ?? Infinity) - from;
      t.ok(tookMs < PROMISED_MS, `${Math.round(tookMs)} ms`);
      await noStreams(relayed);
    });
  }
}

t.test('requests in a pipeline all end with their client', async (t) => {
  const marks = [mark(), mark(), mark()];
  const socket = await relayed.raw();
  socket.write(marks.map((marked) => requestText(`/watch?${marked}`)).join(''));
  const records = await Promise.all(marks.map((marked) => arrival(relayed, marked)));
  socket.destroy();
  await Promise.all(records.map(({ closed }) => closed));
  await noStreams(relayed);
  t.pass('none is left');
});

t.test('an API server that dies in the middle of a body aborts the client’s connection', async (t) => {
  for (const path of ['/die-mid-body', '/die-mid-body?chunked']) {
    const text = await exchange(relayed, requestText(path));
    t.equal(statusOf(text), 200);
    t.notMatch(text, /\r\n0\r\n\r\n$/, 'no last chunk');
    await t.rejects(relayed.request(path), 'a client library sees an error');
  }
  t.match((await relayed.request('/die-before-head')).json, {
    code: 502,
    details: { causes: [{ reason: 'ERR_API_SERVER_ABORTED' }] },
  });
});

t.test('an upload that is answered early: the answer arrives, and nothing is left', async (t) => {
  const { status, json } = await relayed.request('/early', {
    method: 'POST',
    body: Buffer.alloc(20_000_000),
  });
  t.equal(status, 200);
  t.match(json, { early: true });
  await noStreams(relayed);
});

t.test('a link lost before the head is a 503 that can be tried again', async (t) => {
  const marked = mark();
  const answer = relayed.request(`/hang?${marked}`);
  const record = await arrival(relayed, marked);
  for (const link of links(relayed)) link.terminate('test');
  const { status, headers, json } = await answer;
  t.equal(status, 503);
  t.ok(Number(headers['retry-after']) >= 1);
  t.match(json, { kind: 'Status', details: { causes: [{ reason: 'ERR_LINK_LOST' }] } });
  await record.closed;
  await linked();
});

t.test('a link lost after the head aborts the client’s connection', async (t) => {
  const marked = mark();
  const socket = await relayed.raw();
  let text = '';
  socket.on('error', () => {}).on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write(requestText(`/hang-body?${marked}`));
  while (!text.includes('one chunk')) await once(socket, 'data');
  for (const link of links(relayed)) link.terminate('test');
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  socket.destroy();
  t.notMatch(text, /\r\n0\r\n\r\n$/);
  await (await arrival(relayed, marked)).closed;
  await linked();
});

async function linked(): Promise<void> {
  while (links(relayed).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
}

t.test('a cluster whose agent is not connected: 503 at once', async (t) => {
  const from = performance.now();
  const answer = await relayed.request('/clusters/offline/api', { absolute: true });
  t.ok(performance.now() - from < 500);
  t.equal(answer.status, 503);
  t.ok(Number(answer.headers['retry-after']) >= 1);
  t.match(answer.json, { kind: 'Status', details: { causes: [{ reason: 'ERR_AGENT_NOT_CONNECTED' }] } });
});

t.test('an API server that cannot be reached: 502 and why', async (t) => {
  await using apart = await startRelayed({ apiServerUrl: 'https://localhost:1' });
  const { status, json } = await apart.request('/api');
  t.equal(status, 502);
  t.match(json, { kind: 'Status', details: { causes: [{ reason: 'ERR_API_SERVER_UNREACHABLE' }] } });
  t.match(String(json['message']), /ECONNREFUSED/);
  const upgraded = await exchange(apart, requestText('/upgrade/echo', { lines: SPDY }));
  t.match(upgraded, /^HTTP\/1\.1 502 .*ERR_API_SERVER_UNREACHABLE.*ECONNREFUSED/s);
});

t.test('Expect: 100-continue is answered after admission only', async (t) => {
  const lines = ['Expect: 100-continue', 'Content-Length: 5'];
  for (const [token, status] of [
    [null, 401],
    [mint({ sub: 'mallory' }), 403],
  ] as const) {
    const text = await exchange(relayed, requestText('/sink', { method: 'POST', lines, token }));
    t.equal(statusOf(text), status);
    t.notMatch(text, '100 Continue');
  }
  const socket = await relayed.raw();
  socket.write(requestText('/sink', { method: 'POST', lines: [...lines, 'Connection: close'] }));
  const [first] = (await once(socket, 'data')) as [Buffer];
  t.equal(first.toString(), 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('hello');
  const [second] = (await once(socket, 'data')) as [Buffer];
  t.match(second.toString(), /^HTTP\/1\.1 200 .*"bytes":5/s);
  socket.destroy();
});

t.test('a watch: its head without any body, its events one by one at once', async (t) => {
  const marked = mark();
  const socket = await relayed.raw();
  socket.write(requestText(`/watch?${marked}`));
  const [head] = (await once(socket, 'data')) as [Buffer];
  t.match(head.toString(), /^HTTP\/1\.1 200 /, 'before there was an event');
  t.ok(head.toString().endsWith('\r\n\r\n'));
  for (let n = 0; n < 3; n++) {
    const from = performance.now();
    const event = once(socket, 'data') as Promise<[Buffer]>;
    t.equal(relayed.api.emit({ n }), 1);
    t.match((await event)[0].toString(), `{"n":${n}}`);
    t.ok(performance.now() - from < PROMISED_MS);
  }
  socket.destroy();
  await noStreams(relayed);
});

t.test('header blocks of 64 KiB pass in both directions, larger ones are refused', async (t) => {
  const lines = Array.from({ length: 64 }, (_, i) => [`X-Large-${i}`, 'v'.repeat(1000)]).flat();
  const marked = mark();
  t.equal((await relayed.request(marked, { headers: lines })).status, 200);
  t.ok((arrived(relayed, marked)[0]?.rawHeaders.length ?? 0) >= lines.length);
  const { status, headers } = await relayed.request('/headers-64k');
  t.equal(status, 200);
  t.equal(Object.keys(headers).filter((name) => name.startsWith('x-large-')).length, 64);
  const many = Array.from({ length: 3000 }, (_, i) => [`X-${i}`, 'v']).flat();
  t.equal((await relayed.request(mark(), { headers: many })).status, 200);
  t.equal((await relayed.request(mark(), { headers: [...lines, 'X-More', 'v'.repeat(20_000)] })).status, 431);
  // What no client should have to read is no answer: 502, and the link and its other requests live on.
  t.match((await relayed.request(`/headers?X-Large=${'v'.repeat(85_000)}`)).json, {
    code: 502,
    details: { causes: [{ reason: 'ERR_BAD_RESPONSE' }] },
  });
  t.equal(links(relayed).length, 2);
});

t.test('readers who stop: others are served, and what waits is bounded', async (t) => {
  const marks = Array.from({ length: 10 }, () => mark());
  const sockets = await Promise.all(marks.map(() => relayed.raw()));
  sockets.forEach((socket, i) => {
    socket.pause();
    socket.write(requestText(`/bulk?bytes=200000000&${marks[i] ?? ''}`));
  });
  await Promise.all(marks.map((marked) => arrival(relayed, marked)));
  const before = process.memoryUsage();
  const times: number[] = [];
  for (let i = 0; i < 100; i++) {
    const from = performance.now();
    t.equal((await relayed.request('/api/v1/bench')).status, 200);
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  t.ok((times[50] ?? Infinity) < 200, `median ${Math.round(times[50] ?? 0)} ms`);
  const { external, arrayBuffers } = process.memoryUsage();
  const grown = external + arrayBuffers - before.external - before.arrayBuffers;
  t.ok(grown < 200_000_000, `${grown} bytes more of 2,000,000,000 asked for`);
  const unread = links(relayed).reduce((sum, link) => sum + link.stats.unreadBytes, 0);
  t.ok(unread < 100_000_000, `${unread} bytes wait unread`);
  for (const socket of sockets) socket.destroy();
  await noStreams(relayed);
});
