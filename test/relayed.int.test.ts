/** What must pass through relay and agent unchanged, against an API server that echoes. */

import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { AGENT_TOKEN, mint, startRelayed } from './support/relayed.ts';

const relayed = await startRelayed();
t.teardown(() => relayed[Symbol.asyncDispose]());

const upstreamHeaders = (json: Record<string, unknown>): Map<string, string[]> => {
  const raw = json['rawHeaders'] as string[];
  const map = new Map<string, string[]>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    map.set(name, [...(map.get(name) ?? []), raw[i + 1] ?? '']);
  }
  return map;
};

t.test('a request arrives as the user, with the agent’s own token and not the user’s', async (t) => {
  const token = mint({ groups: ['devs', 'ops'] });
  const { status, json } = await relayed.request('/api/v1/pods?limit=5&x=%2F%20', { token });
  t.equal(status, 200);
  t.equal(json['url'], '/api/v1/pods?limit=5&x=%2F%20');
  const headers = upstreamHeaders(json);
  t.same(headers.get('impersonate-user'), ['alice']);
  t.same(headers.get('impersonate-group'), ['devs', 'ops']);
  t.same(headers.get('authorization'), [`Bearer ${AGENT_TOKEN}`]);
  t.notOk(JSON.stringify(json).includes(token), 'the user’s token went nowhere');
});

t.test('method, path and query are kept byte for byte', async (t) => {
  for (const path of [
    '/',
    '//double//slash',
    '/a%2Fb/c%20d',
    '/q?a=b&a=c&&',
    '/x?',
    '/%E2%82%AC?%',
    '/semi;colon=1',
  ]) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const { json } = await relayed.request(path, { method });
      t.match(json, { method, url: path }, `${method} ${path}`);
    }
  }
});

t.test('bodies stream both ways whole', async (t) => {
  const body = randomBytes(3_000_000);
  const sha256 = createHash('sha256').update(body).digest('hex');
  t.match((await relayed.request('/sink', { method: 'POST', body })).json, { bytes: body.length, sha256 });
  const { body: bulk, headers } = await relayed.request('/bulk?bytes=20000000');
  t.equal(bulk.length, 20_000_000);
  t.equal(headers['content-length'], '20000000');
});

t.test('HEAD, 204, 304 and gzip pass as they are', async (t) => {
  t.match(await relayed.request('/anything', { method: 'HEAD' }), { status: 200, body: '' });
  t.match(await relayed.request('/status/204'), { status: 204, body: '' });
  t.match(await relayed.request('/status/304'), { status: 304, body: '' });
  t.equal((await relayed.request('/gzip')).headers['content-encoding'], 'gzip');
  t.equal((await relayed.request('/headers-64k')).status, 200);
});

t.test('an own-host or absolute-path Location stays under the cluster', async (t) => {
  t.equal(
    (await relayed.request('/redirect?to=%2Fopenapi%2Fv3%3Fhash%3D1')).headers.location,
    '/clusters/demo/openapi/v3?hash=1',
  );
  t.equal(
    (await relayed.request('/redirect?to=https%3A%2F%2Felsewhere.example%2Fx')).headers.location,
    'https://elsewhere.example/x',
  );
});

t.test('a broken answer is an abort, never a clean end', async (t) => {
  await t.rejects(relayed.request('/die-mid-body'));
  await t.rejects(relayed.request('/die-mid-body?chunked'));
  t.match((await relayed.request('/die-before-head')).json, { kind: 'Status', code: 502 });
});

t.test('an answer that does not begin in time is a 504 that says so', async (t) => {
  t.match((await relayed.request('/hang')).json, {
    kind: 'Status',
    code: 504,
    details: { causes: [{ reason: 'ERR_UPSTREAM_TIMEOUT' }] },
  });
});

t.test(
  'a caller without access and one who asks for a cluster that is not there get the same answer',
  async (t) => {
    const mallory = mint({ sub: 'mallory' });
    const blank = (text: string): string =>
      text
        .replace(/id [\w-]+\)/, 'id)')
        .replace(/"uid":"[^"]+"/, '')
        .replaceAll('nowhere', 'demo');
    const here = await relayed.request('/api', { token: mallory });
    const nowhere = await relayed.request('/clusters/nowhere/api', { token: mallory, absolute: true });
    t.equal(here.status, 403);
    t.equal(nowhere.status, 403);
    t.equal(blank(nowhere.body), blank(here.body));
  },
);

t.test('without a token, or with a bad one: 401 and nothing reaches the API server', async (t) => {
  const before = relayed.api.requests.length;
  for (const token of [
    null,
    'x',
    'a.b.c',
    mint({ exp: 1 }),
    mint({ aud: 'other' }),
    mint({ iss: 'https://evil.test' }),
  ]) {
    t.equal((await relayed.request('/api', { token })).status, 401);
  }
  t.equal(relayed.api.requests.length, before);
});

t.test('an agent that starts again serves the next request', async (t) => {
  await relayed.restartAgent();
  t.equal((await relayed.request('/api')).status, 200);
});
