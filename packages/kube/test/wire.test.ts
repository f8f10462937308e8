// The heads that travel through the tunnel: literal bytes, and everything malformed refused.
import t from 'tap';
import {
  decodeRequestHead,
  decodeResponseHead,
  encodeRequestHead,
  encodeResponseHead,
} from '../src/index.ts';
import type { RequestHead } from '../src/index.ts';

const head: RequestHead = {
  method: 'GET',
  target: '/api/v1/pods?watch=1',
  headers: ['Accept', '*/*', 'X-L\u00e4', '\u00ff'],
  identity: { kind: 'impersonate', user: 'a', groups: ['g'], uid: '1', extra: { 'k/x': ['v'] } },
  upgrade: 'SPDY/3.1',
  id: '5f3c-1',
};
const wire = { code: 'ERR_KUBE_WIRE' };

t.test('heads come back as they went', async (t) => {
  t.same(decodeRequestHead(encodeRequestHead(head)), head);
  const answer = { status: 200, message: 'OK', headers: ['A', 'b'] };
  t.equal(encodeResponseHead(answer).toString(), '{"status":200,"message":"OK","headers":["A","b"]}');
  t.same(decodeResponseHead(encodeResponseHead(answer)), answer);
  t.doesNotThrow(
    () => decodeRequestHead(Buffer.from(JSON.stringify({ ...head, later: 1 }))),
    'a newer relay may add fields',
  );
});

t.test('a request head of a wrong shape is refused', async (t) => {
  const { identity: _, ...without } = head;
  for (const [what, value] of Object.entries({
    'no identity': without,
    'identity null': { ...head, identity: null },
    'identity of an unknown kind': { ...head, identity: { kind: 'admin' } },
    'identity with unknown fields': {
      ...head,
      identity: { kind: 'impersonate', user: 'a', groups: [], only: 'reads' },
    },
    'both identities': { ...head, identity: { kind: 'token', token: 'a', user: 'b', groups: [] } },
    'groups as string': { ...head, identity: { kind: 'impersonate', user: 'a', groups: 'g' } },
    'groups as object': { ...head, identity: { kind: 'impersonate', user: 'a', groups: { 0: 'g' } } },
    'groups absent': { ...head, identity: { kind: 'impersonate', user: 'a' } },
    'extra of strings': {
      ...head,
      identity: { kind: 'impersonate', user: 'a', groups: [], extra: { k: 'v' } },
    },
    'empty token': { ...head, identity: { kind: 'token', token: '' } },
    'token with a new line': { ...head, identity: { kind: 'token', token: 'a\nb' } },
    'A5: header map with an array': { ...head, headers: ['A', ['b', 'c']] },
    'headers as object': { ...head, headers: { A: 'b' } },
    'odd number of header parts': { ...head, headers: ['A'] },
    'target of another host': { ...head, target: 'http://x/' },
    'target with a new line': { ...head, target: '/a\r\nb' },
    'method with a space': { ...head, method: 'GET /' },
    'unknown upgrade': { ...head, upgrade: 'h2c' },
    'id with a new line': { ...head, id: 'a\nb' },
    array: [head],
    null: null,
  })) {
    t.throws(() => decodeRequestHead(Buffer.from(JSON.stringify(value))), wire, what);
  }
  for (const text of ['', '{', 'x', '\u0000']) t.throws(() => decodeRequestHead(Buffer.from(text)), wire);
});

t.test('a response head of a wrong shape is refused', async (t) => {
  for (const value of [
    {},
    { status: 99, message: '', headers: [] },
    { status: 600, message: '', headers: [] },
    { status: 200.5, message: '', headers: [] },
    { status: '200', message: '', headers: [] },
    { status: 200, message: '', headers: ['a'] },
    { status: 200, headers: [] },
  ]) {
    t.throws(() => decodeResponseHead(Buffer.from(JSON.stringify(value))), wire, JSON.stringify(value));
  }
});

t.test('the error does not repeat the input, which may hold a token', async (t) => {
  try {
    decodeRequestHead(Buffer.from('{"identity":{"kind":"token","token":"s3cret"}'));
    t.fail('decoded');
  } catch (error) {
    t.notMatch(String(error), /s3cret/);
    t.equal((error as Error).cause, undefined);
  }
});

t.test('a reason phrase that could split the answer is left out', async (t) => {
  for (const message of ['x\r\nSet-Cookie: a=b', '\u010d\u010a', 'a\u0000']) {
    t.equal(decodeResponseHead(encodeResponseHead({ status: 200, message, headers: [] })).message, '');
  }
  t.equal(decodeResponseHead(encodeResponseHead({ status: 200, message: 'OK', headers: [] })).message, 'OK');
});
