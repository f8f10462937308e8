/** Headers that would make a request run as somebody else (A1–A9, A13), each against an API server that shows what arrived. */

import type { Link } from '@fairlead/tunnel';
import { ResetCode } from '@fairlead/tunnel';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { AGENT_TOKEN, mint, startRelayed } from './support/relayed.ts';
import {
  arrived,
  exchange,
  headerMap,
  impersonations,
  mark,
  openRaw,
  requestText,
  statusOf,
} from './support/wire.ts';

const relayed = await startRelayed({ access: [{ cluster: 'demo', users: ['alice'], groups: ['devs'] }] });
t.teardown(() => relayed[Symbol.asyncDispose]());

const ALICE = ['impersonate-user: alice'];

/** Sends header lines as alice. Returns the status and what of it reached the API server. */
async function attack(lines: string[], options: { body?: string; method?: string } = {}) {
  const path = mark();
  const text = await exchange(
    relayed,
    requestText(path, { lines: [...lines, 'Connection: close'], ...options }),
  );
  return { status: statusOf(text), text, upstream: arrived(relayed, path) };
}

async function refusedAttack(t: Test, line: string, status: number): Promise<void> {
  const result = await attack([line]);
  t.equal(result.status, status, JSON.stringify(line));
  t.same(result.upstream, [], 'nothing reached the API server');
}

t.test('A1 client sends Impersonate-* in any case mix: refused', async (t) => {
  for (const name of [
    'Impersonate-User',
    'impersonate-user',
    'IMPERSONATE-GROUP',
    'iMPERSONATE-uID',
    'Impersonate-Uid',
    'Impersonate-Extra-Scopes',
    'imPersonate-extra-authentication.kubernetes.io%2fpod-name',
  ]) {
    await refusedAttack(t, `${name}: system:masters`, 403);
  }
  const { text } = await attack(['Impersonate-Group: x']);
  t.match(text, /ERR_IMPERSONATION_REFUSED/, 'and it is said why');
});

t.test('A2 an Impersonate-* header of a later Kubernetes: refused', async (t) => {
  await refusedAttack(t, 'Impersonate-Foo: x', 403);
  await refusedAttack(t, 'Impersonate-: x', 403);
});

t.test('A3 twice, joined, padded, folded, empty, with odd bytes: no such header arrives', async (t) => {
  for (const lines of [
    ['Impersonate-User: root', 'Impersonate-User: alice'],
    ['Impersonate-User: alice,root'],
    ['Impersonate-User:   root   '],
    ['Impersonate-User:'],
    ['Impersonate-User: r\xc3\xb6\xc3\xb6t'],
    ['Impersonate-User : root'],
    [' Impersonate-User: root'],
    ['X-Fold: a', ' Impersonate-User: root'],
    ['X-Fold: a', '\tImpersonate-User: root'],
    ['X-Cr: a\rImpersonate-User: root'],
    ['X-Lf: a\nImpersonate-User: root'],
    ['X-Nul: a\0b'],
    ['X-Nul\0: a'],
    ['Impersonate-User\0: root'],
  ]) {
    const { status, upstream } = await attack(lines);
    t.ok(status === 400 || status === 403 || status === 0, `${JSON.stringify(lines)}: ${status}`);
    t.same(upstream, [], 'nothing reached the API server');
  }
});

t.test('A3 claims with line ends, NUL or padding: refused, no header made of them', async (t) => {
  for (const sub of [
    'alice\r\nImpersonate-Group: system:masters',
    'alice\n',
    'alice\0',
    ' alice',
    'alice ',
  ]) {
    const path = mark();
    const { status } = await relayed.request(path, { token: mint({ sub, groups: ['devs'] }) });
    t.ok(status === 401 || status === 403, JSON.stringify(sub));
    t.same(arrived(relayed, path), []);
  }
});

t.test('A4 look-alikes of Impersonate-*: dropped', async (t) => {
  for (const name of [
    'impersonate_user',
    'Impersonate_Group',
    'Impersonate.User',
    '%49mpersonate-User',
    'Impersonate%2DUser',
    'impersonate~user',
    'ImpersonateUser',
  ]) {
    const { status, upstream } = await attack([`${name}: root`]);
    t.equal(status, 200, name);
    t.same(
      upstream.flatMap(({ rawHeaders }) => impersonations(rawHeaders)),
      ALICE,
    );
  }
  for (const name of ['\xccmpersonate-User', 'Impersonate\xe2\x80\x90User']) {
    const { upstream } = await attack([`${name}: root`]);
    t.same(upstream, [], 'a name with bytes no name has is refused');
  }
});

t.test('A5 headers in the trailers of a chunked request: dropped', async (t) => {
  const { status, text, upstream } = await attack(
    ['Transfer-Encoding: chunked', 'Trailer: Impersonate-User, X-Sum'],
    { method: 'POST', body: '3\r\nabc\r\n0\r\nImpersonate-User: root\r\nX-Sum: 1\r\n\r\n' },
  );
  t.equal(status, 200);
  t.match(text, /"bodyBytes":3,.*"trailers":\[\]/);
  t.same(
    upstream.flatMap(({ rawHeaders }) => impersonations(rawHeaders)),
    ALICE,
  );
});

t.test('A5 a hostile relay’s frames: refused by the agent as well', async (t) => {
  const path = mark();
  const identity = { kind: 'impersonate', user: 'alice', groups: [] };
  const good = { method: 'GET', target: path, headers: ['X-A', 'b'], identity, id: 'x' };
  for (const head of [
    { ...good, headers: ['Impersonate-User', 'root'] },
    { ...good, headers: ['iMPERSONATE-gROUP', 'root'] },
    { ...good, headers: ['X-A', ['b', 'Impersonate-User: root']] },
    { ...good, headers: { 'X-A': 'b' } },
    { ...good, headers: ['X-A', 'b\r\nImpersonate-User: root'] },
    { ...good, headers: ['X-A'] },
    { ...good, target: `${path} HTTP/1.1\r\nImpersonate-User: root\r\nX:` },
    { ...good, target: `https://other.example${path}` },
    { ...good, target: `/a/../b${path}` },
    { ...good, target: `/a/%2e%2e/b${path}` },
    { ...good, method: 'CONNECT' },
    { ...good, method: 'TRACE' },
    { ...good, method: 'GET / HTTP/1.1\r\n' },
    { ...good, identity: undefined },
    { ...good, identity: {} },
    { ...good, identity: { kind: 'none' } },
    { ...good, identity: { kind: 'token', token: '' } },
    { ...good, identity: { kind: 'token', token: 'a\r\nImpersonate-User: root' } },
    { ...good, identity: { ...identity, user: '' } },
    { ...good, identity: { ...identity, user: 'system:admin' } },
    { ...good, identity: { ...identity, groups: ['system:masters'] } },
    { ...good, identity: { ...identity, groups: 'devs' } },
    { ...good, identity: { ...identity, user: 'a\r\nImpersonate-Group: system:masters' } },
    { ...good, identity: { ...identity, extra: { 'a: b\r\nX': ['c\n'] } } },
    'no json',
  ]) {
    t.same(
      await openRaw(relayed, head),
      { reset: ResetCode.NO_IDENTITY },
      JSON.stringify(head).slice(0, 150),
    );
  }
  t.same(arrived(relayed, path), [], 'none of them reached the API server');
  t.ok((await openRaw(relayed, good)).answered, 'the same without the attack is answered');
});

t.test('A6 Connection names our own headers: they are added after hop-by-hop removal', async (t) => {
  for (const value of [
    'Impersonate-User, Authorization, X-Remote-User',
    'close, upgrade, impersonate-user, impersonate-group',
    'Impersonate-User',
    'Authorization',
  ]) {
    const path = mark();
    const lines = [`Connection: ${value}, close`, 'X-Kept: 1'];
    const text = await exchange(relayed, requestText(path, { lines, token: mint({ groups: ['devs'] }) }));
    t.equal(statusOf(text), 200, value);
    const [upstream] = arrived(relayed, path);
    const headers = headerMap(upstream?.rawHeaders ?? []);
    t.same(headers.get('impersonate-user'), ['alice']);
    t.same(headers.get('impersonate-group'), ['devs']);
    t.same(headers.get('authorization'), [`Bearer ${AGENT_TOKEN}`]);
    t.same(headers.get('x-kept'), ['1']);
  }
  const { upstream } = await attack(['Connection: X-Hop, close', 'X-Hop: 1']);
  t.notOk(headerMap(upstream[0]?.rawHeaders ?? []).has('x-hop'), 'what Connection names is dropped');
});

t.test('A7 headers by which a front proxy vouches: stripped', async (t) => {
  const names = [
    'X-Remote-User',
    'X-Remote-Group',
    'X-Remote-Uid',
    'X-Remote-Extra-Scopes',
    'x_remote_user',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Client-Cert',
    'Forwarded',
    'X-Original-Url',
    'X-Original-Forwarded-For',
    'Front-Proxy-User',
    'X-Real-Ip',
    'Proxy-Authorization',
    'Cookie',
    'X-Fairlead-User',
  ];
  const { status, upstream } = await attack([...names.map((name) => `${name}: root`), 'X-Honest: 1']);
  t.equal(status, 200);
  const headers = headerMap(upstream[0]?.rawHeaders ?? []);
  for (const name of names) t.notOk(headers.has(name.toLowerCase()), name);
  t.same(headers.get('x-honest'), ['1']);
});

t.test('A8 an identity that is empty or of a wrong shape: never forwarded', async (t) => {
  const claims: Record<string, unknown>[] = [
    { sub: '' },
    { sub: '   ' },
    { sub: undefined },
    { sub: null },
    { sub: 7 },
    { sub: ['alice'] },
    { sub: { name: 'alice' } },
    { sub: '\u200b' },
    { groups: '' },
    { groups: 'devs' },
    { groups: { devs: true } },
    { groups: [''] },
    { groups: [' '] },
    { groups: ['devs', 7] },
    { groups: null },
    { hasgroups: true },
    { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://169.254.169.254/' } } },
  ];
  for (const claim of claims) {
    const path = mark();
    const { status } = await relayed.request(path, { token: mint({ groups: ['devs'], ...claim }) });
    t.ok(status === 401 || status === 403, `${JSON.stringify(claim)}: ${status}`);
    t.same(arrived(relayed, path), []);
  }
  const path = mark();
  t.equal((await relayed.request(path, { token: mint({ groups: [] }) })).status, 200, 'no groups are fine');
  t.same(
    arrived(relayed, path).flatMap(({ rawHeaders }) => impersonations(rawHeaders)),
    ALICE,
  );
});

t.test('A9 claims in the cluster’s own name space: refused', async (t) => {
  for (const claim of [
    { sub: 'system:masters' },
    { sub: 'system:node:n1' },
    { sub: 'system:serviceaccount:kube-system:default' },
    { sub: 'system:anonymous' },
    { sub: 'system:' },
    { groups: ['system:masters'] },
    { groups: ['devs', 'system:nodes'] },
  ]) {
    const path = mark();
    const { status } = await relayed.request(path, { token: mint({ groups: ['devs'], ...claim }) });
    t.ok(status === 401 || status === 403, `${JSON.stringify(claim)}: ${status}`);
    t.same(arrived(relayed, path), []);
  }
});

t.test('A13 a step that fails on the way: the request ends, nothing is sent', async (t) => {
  const { links } = relayed.relay;
  const fails = () => {
    throw new Error('injected: secret detail');
  };
  const faults: [string, () => () => void][] = [
    ['choosing a link', () => swap(links, 'pick', fails)],
    ['opening a stream', () => swap((links.of('demo') as Link[])[0] as Link, 'open', fails, links)],
  ];
  for (const [step, inject] of faults) {
    const path = mark();
    const undo = inject();
    const answer = await relayed.request(path);
    undo();
    t.equal(answer.status, 500, step);
    t.match(answer.body, /ERR_INTERNAL/);
    t.notMatch(answer.body, /secret detail/, 'the cause is for the log');
    t.same(arrived(relayed, path), []);
  }
  t.equal((await relayed.request('/api')).status, 200, 'the next request is served');
});

/** Replaces a method until undone; with `links`, all links but the patched one are passed over. */
function swap<T extends object>(target: T, name: keyof T, by: () => never, links?: object): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { value: by, configurable: true, writable: true });
  const undoPick = links ? swapPick(links as { pick: unknown }, target) : () => {};
  return () => {
    if (own) Object.defineProperty(target, name, own);
    else delete target[name];
    undoPick();
  };
}

function swapPick(links: { pick: unknown }, link: object): () => void {
  Object.defineProperty(links, 'pick', { value: () => link, configurable: true, writable: true });
  return () => delete (links as { pick?: unknown }).pick;
}

t.test('no request reaches the API server without the caller’s identity, whatever is sent', async (t) => {
  const nasty = fc.constantFrom(
    'X-Honest',
    'Accept',
    'Impersonate-User',
    'impersonate_user',
    'Connection',
    'Authorization',
    'Upgrade',
    'X-Remote-User',
    'Transfer-Encoding',
    'Content-Length',
    'Expect',
    'Host',
    'Sec-WebSocket-Protocol',
  );
  const value = fc.oneof(
    fc.constantFrom(
      'Impersonate-User',
      'Authorization',
      'websocket',
      'SPDY/3.1',
      'Upgrade',
      'chunked',
      '0',
      '',
    ),
    fc.stringMatching(/^[ -~]{0,12}$/),
    fc.string({ maxLength: 4 }),
  );
  const line = fc
    .tuple(
      fc.oneof(nasty, fc.stringMatching(/^[A-Za-z%_.-]{1,12}$/), fc.string({ minLength: 1, maxLength: 4 })),
      value,
    )
    .map(([name, text]) => `${name}: ${text}`);
  const method = fc.constantFrom(
    'GET',
    'POST',
    'PUT',
    'DELETE',
    'OPTIONS',
    'HEAD',
    'PATCH',
    'TRACE',
    'CONNECT',
  );
  const suffix = fc.constantFrom('', '', '?watch=1', '//', '%41;x', 'a b', '../x', '%2e%2e/', '\\');
  const token = fc.constantFrom(
    mint(),
    mint(),
    mint(),
    mint(),
    mint({ sub: 'mallory' }),
    mint({ sub: '' }),
    'junk',
    null,
  );
  let passed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 2 }),
      method,
      suffix,
      token,
      async (lines, verb, tail, jwt) => {
        const path = mark();
        const text = requestText(`${path}/${tail}`, {
          method: verb,
          token: jwt,
          lines: [...lines, 'X-Last: 1'],
        });
        // Half an exchange is enough: what is forwarded at all is so before the end of an answer.
        await exchange(
          relayed,
          text,
          (answer) => answer.includes('\r\n\r\n') || answer.length > 100_000,
          300,
        );
        for (const { rawHeaders } of arrived(relayed, path)) {
          passed += 1;
          const headers = headerMap(rawHeaders);
          if (impersonations(rawHeaders).join() !== ALICE.join()) return false;
          if (headers.get('authorization')?.join() !== `Bearer ${AGENT_TOKEN}`) return false;
          if ([...headers.keys()].some((name) => /^x.remote/.test(name))) return false;
        }
        return true;
      },
    ),
    { numRuns: 200 },
  );
  t.ok(passed >= 10, `${passed} requests got through and were looked at`);
});
