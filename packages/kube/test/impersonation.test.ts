// Identities become headers exactly, or not at all (A3, A8, A9).
import * as fc from 'fast-check';
import t from 'tap';
import { forwardRequestHeaders, impersonationHeaders } from '../src/index.ts';
import type { ImpersonatedIdentity } from '../src/index.ts';

const refused = { code: 'ERR_KUBE_IDENTITY', refusal: 'ERR_IDENTITY_REFUSED' };
const of = (over: Partial<ImpersonatedIdentity>): ImpersonatedIdentity => ({
  kind: 'impersonate',
  user: 'alice',
  groups: [],
  ...over,
});

/** As k8s.io/apiserver/pkg/endpoints/filters/impersonation.go reads them: trimmed by HTTP, key lower-cased, then unescaped. */
function readBack(headers: string[]): ImpersonatedIdentity {
  const identity = of({ user: '' });
  const extra: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  const users: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = Buffer.from((headers[i + 1] ?? '').replace(/^[ \t]+|[ \t]+$/g, ''), 'latin1').toString(
      'utf8',
    );
    if (name === 'Impersonate-User') users.push(value);
    else if (name === 'Impersonate-Group') identity.groups.push(value);
    else if (name === 'Impersonate-Uid') identity.uid = value;
    else
      (extra[decodeURIComponent(name.slice('Impersonate-Extra-'.length).toLowerCase())] ??= []).push(value);
  }
  identity.user = users.join('|');
  if (Object.keys(extra).length > 0) identity.extra = extra;
  return identity;
}

t.test('literal headers, as client-go writes them', async (t) => {
  t.same(
    impersonationHeaders(
      of({
        user: 'jörg@example.com',
        groups: ['a b', 'dev'],
        uid: '1',
        extra: { 'example.com/some-key%': ['x', ''] },
      }),
    ),
    [
      'Impersonate-User',
      'j\u00c3\u00b6rg@example.com',
      'Impersonate-Uid',
      '1',
      'Impersonate-Group',
      'a b',
      'Impersonate-Group',
      'dev',
      'Impersonate-Extra-example.com%2Fsome-key%25',
      'x',
      'Impersonate-Extra-example.com%2Fsome-key%25',
      '',
    ],
  );
});

t.test('A3, A8: empty, blank, padded and unprintable names are refused', async (t) => {
  for (const bad of [
    '',
    ' ',
    '\t',
    '\u00a0',
    ' a',
    'a ',
    'a\n',
    'a\r\nImpersonate-Group: system:masters',
    'a\u0000b',
    'a\u007f',
    'a\u0085b',
    'a\u2028b',
    '\ud800',
  ]) {
    t.throws(() => impersonationHeaders(of({ user: bad })), refused, encodeURI(bad.toWellFormed()));
    t.throws(() => impersonationHeaders(of({ groups: ['ok', bad] })), refused);
    t.throws(() => impersonationHeaders(of({ uid: bad })), refused);
    t.throws(() => impersonationHeaders(of({ extra: { [bad]: ['x'] } })), refused);
    if (bad !== '') t.throws(() => impersonationHeaders(of({ extra: { k: [bad] } })), refused);
  }
  t.throws(() => impersonationHeaders(of({ user: undefined as unknown as string })), refused);
  t.throws(() => impersonationHeaders(of({ extra: { Key: ['x'] } })), refused);
});

t.test("A9: the cluster's own names are refused", async (t) => {
  for (const name of [
    'system:masters',
    'system:anonymous',
    'system:node:a',
    'system:serviceaccount:a:b',
    'system:',
  ]) {
    t.throws(() => impersonationHeaders(of({ user: name })), refused, name);
    t.throws(() => impersonationHeaders(of({ groups: [name] })), refused, name);
  }
  t.doesNotThrow(() => impersonationHeaders(of({ user: 'oidc:system:masters' })));
});

t.test('a claim with endless groups is refused', async (t) => {
  t.throws(
    () => impersonationHeaders(of({ groups: Array.from({ length: 20_000 }, (_, i) => `group-${i}`) })),
    refused,
  );
});

t.test(
  'property: an identity comes back as it went, or is refused; and a client could not have sent it',
  async (t) => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 });
    const identity = fc.record(
      {
        kind: fc.constant('impersonate' as const),
        user: text,
        groups: fc.array(text, { maxLength: 4 }),
        uid: text,
        extra: fc.dictionary(text, fc.array(text, { minLength: 1, maxLength: 3 }), { maxKeys: 3 }),
      },
      { requiredKeys: ['kind', 'user', 'groups'] },
    );
    let passed = 0;
    fc.assert(
      fc.property(identity, (who) => {
        let headers: string[];
        try {
          headers = impersonationHeaders(who);
        } catch {
          return true;
        }
        passed += 1;
        t.throws(() => forwardRequestHeaders(headers), { code: 'ERR_KUBE_IMPERSONATION_HEADER' });
        const back = readBack(headers);
        const extra = Object.entries(who.extra ?? {});
        return (
          back.user === who.user &&
          JSON.stringify(back.groups) === JSON.stringify(who.groups) &&
          back.uid === who.uid &&
          extra.every(([k, v]) => JSON.stringify(back.extra?.[k]) === JSON.stringify(v)) &&
          Object.keys(back.extra ?? {}).length === extra.length &&
          headers.every((h) => !/[\r\n\0]/.test(h))
        );
      }),
      { numRuns: 3000 },
    );
    t.ok(passed > 100, `${passed} identities were passed`);
  },
);
