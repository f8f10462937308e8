/** What comes out of a token that is in order: names, groups, and those that may not come out. */
import t from 'tap';
import { Authenticator, IdentityError } from '../src/index.ts';
import { bench, refusal } from './support.ts';

t.test('Entra tokens of both versions', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  for (const realm of ['v1', 'v2'] as const) {
    const principal = await one.authenticate(await issuer.mint('bob', {}, { realm }), 'demo');
    t.match(principal, {
      kind: 'user',
      issuer: 'entra',
      user: 'bob@fairlead.example',
      groups: ['5f1d9c3e-0a4b-4d0e-8f27-6b1c2e9a7d31'],
      extra: { oid: ['1c9e5b2f-7d3e-4fac-88a4-62e1d9f3c702'] },
    });
    t.ok(Object.isFrozen(principal) && Object.isFrozen(principal.groups));
  }
  const app = { oid: '9f64b86e-0000-4000-8000-000000000001', name: 'robot', groups: [] };
  const principal = await one.authenticate(await issuer.mint(app), undefined);
  t.equal(principal.user, app.oid, 'without upn: oid');
  t.equal(await refusal(one, await issuer.mint(app, { oid: undefined, sub: 'x' })), 'ERR_IDENTITY_CLAIM');
  const claim = await issuer.mint('alice', { upn: undefined, preferred_username: 'admin@fairlead.example' });
  const other = await one.authenticate(claim, undefined);
  t.equal(
    other.user,
    '0b8f4a1e-6c2d-4e9b-a7f3-51d0c8e2b601',
    'preferred_username can be changed by the user: unused',
  );
});

t.test('a plain provider, with prefixes', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  const mint = (claims: Record<string, unknown>) => issuer.mint('alice', claims, { realm: 'plain' });
  const principal = await one.authenticate(
    await mint({ groups: ['dev', 'dev', 'system:masters'] }),
    undefined,
  );
  t.equal(principal.user, 'oidc:alice@fairlead.example');
  t.same(principal.groups, ['oidc:dev', 'oidc:system:masters']);
  t.equal(await refusal(one, await mint({ email_verified: false })), 'ERR_IDENTITY_CLAIM');
  t.equal(await refusal(one, await mint({ email: undefined })), 'ERR_IDENTITY_NAME');
});

t.test('names that must not come out', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  const names = [
    '',
    ' ',
    '\t',
    'a\nb',
    'a\u0000',
    ' alice',
    'alice ',
    'system:admin',
    'al\u200bice',
    '\u202eecila',
    'x'.repeat(1_025),
    7,
    null,
    ['alice'],
    {},
  ];
  for (const upn of names) {
    t.equal(
      await refusal(one, await issuer.mint('alice', { upn })),
      'ERR_IDENTITY_NAME',
      JSON.stringify(upn).slice(0, 40),
    );
  }
  for (const groups of [
    'admins',
    {},
    7,
    null,
    [''],
    [' '],
    [7],
    [null],
    [['a']],
    ['ok', 'system:masters'],
    ['a\r\nb'],
  ]) {
    t.equal(
      await refusal(one, await issuer.mint('alice', { groups })),
      'ERR_IDENTITY_GROUPS',
      JSON.stringify(groups),
    );
  }
});

t.test('group overage is refused with the words that people search for', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  const groups = Array.from({ length: 201 }, () => crypto.randomUUID());
  const robot = { oid: '9f64b86e-0000-4000-8000-000000000001', name: 'robot', groups };
  const error = await Promise.resolve(one.authenticate(await issuer.mint(robot), undefined)).catch(
    (e: unknown) => e,
  );
  if (!(error instanceof IdentityError)) throw new Error('not refused');
  t.equal(error.code, 'ERR_IDENTITY_GROUP_OVERAGE');
  t.equal(error.status, 401);
  t.match(
    error.publicMessage,
    /^Overage claim \(users with more than 200 group membership\) for SPN is currently not supported\. For troubleshooting, please refer to aka\.ms\/overageclaimtroubleshoot/,
  );
  t.match(error.message, /Cause: the service principal/);
  t.equal(await refusal(one, await issuer.mint('alice', { hasgroups: true })), 'ERR_IDENTITY_GROUP_OVERAGE');
  t.equal(
    await refusal(one, await issuer.mint('alice', { hasgroups: 'true', groups: ['a'] })),
    'ERR_IDENTITY_GROUP_OVERAGE',
  );
  t.equal(
    await refusal(one, await issuer.mint('alice', { _claim_names: { groups: 'src1' } })),
    'ERR_IDENTITY_GROUP_OVERAGE',
  );
  t.equal(await refusal(one, await issuer.mint('alice', { _claim_names: { roles: 'src1' } })), 'accepted');
});

t.test('configuration that cannot work', async (t) => {
  const { entra, plain } = await bench(t);
  const make =
    (...issuers: (typeof entra)[]) =>
    () =>
      new Authenticator({ issuers, clusterKeys: () => undefined });
  const code = { code: 'ERR_IDENTITY_CONFIG' };
  t.throws(make(plain, { ...plain, name: 'again' }), code, 'one iss twice');
  t.throws(make(plain, { ...plain, issuer: 'https://other.example' }), code, 'one name twice');
  t.throws(make({ ...plain, issuer: 'http://127.0.0.1:1' }), code, 'http outside development');
  t.throws(make({ ...plain, issuer: 'not a url' }), code);
  t.throws(make({ ...plain, issuer: 'https://a.example/?x' }), code, 'query');
  const { tenant: _, ...noTenant } = entra;
  t.throws(make(noTenant), code, 'entra without tenant');
  t.throws(make({ ...plain, caFile: '/nonexistent' }), code, 'no CA file');
  t.throws(make({ ...plain, jwksFile: '/nonexistent' }), code, 'no key file');
  const development = {
    issuers: [{ ...plain, issuer: 'http://10.0.0.1' }],
    clusterKeys: () => undefined,
    development: true,
  };
  t.throws(() => new Authenticator(development), code, 'http beyond loopback even in development');
});
