/** Gate 1: who may use which cluster, and under which identity. */
import t from 'tap';
import { Compile } from 'typebox/compile';
import { Access, AccessSchema, type PrincipalLike } from '../src/index.ts';

const user = (name: string, groups: string[] = []): PrincipalLike => ({
  kind: 'user',
  user: name,
  groups,
  extra: { oid: ['o'] },
});
const account = (cluster: string, namespace = 'default', name = 'demo-user'): PrincipalLike => ({
  kind: 'serviceAccount',
  user: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts'],
  extra: {},
  cluster,
  namespace,
  name,
});
const access = new Access(
  [
    { cluster: 'demo', users: ['alice'], groups: ['viewers'], serviceAccounts: ['default:demo-user'] },
    { cluster: 'demo', users: ['carol'] },
    { cluster: '*', groups: ['operators'], serviceAccounts: ['ops:robot'] },
  ],
  { users: ['admin'], groups: ['admins'] },
);
const allowed = (principal: PrincipalLike, cluster: string) =>
  access.decide(principal, 'token', cluster).allowed;

t.test('users and groups, exactly and with their case', async (t) => {
  t.ok(allowed(user('alice'), 'demo'));
  t.ok(allowed(user('carol'), 'demo'), 'rules for one cluster add up');
  t.ok(allowed(user('bob', ['x', 'viewers']), 'demo'));
  for (const name of ['Alice', 'alice ', 'alic', 'viewers', 'default:demo-user'])
    t.notOk(allowed(user(name), 'demo'), name);
  t.notOk(allowed(user('bob', ['Viewers', 'alice']), 'demo'));
  t.notOk(allowed(user('alice'), 'other'));
  t.notOk(allowed(user('alice'), 'Demo'));
});

t.test('a rule for all clusters', async (t) => {
  t.ok(allowed(user('olga', ['operators']), 'demo') && allowed(user('olga', ['operators']), 'other'));
  t.notOk(allowed(user('olga', ['operators']), '*'), 'but * is no cluster');
  t.notOk(allowed(user('olga', ['operators']), ''));
});

t.test('a service account passes its own token on, at its own cluster only', async (t) => {
  t.same(access.decide(account('demo'), 'sa-token', 'demo'), {
    allowed: true,
    identity: { kind: 'token', token: 'sa-token' },
  });
  t.notOk(access.decide(account('demo'), '', 'demo').allowed, 'no token');
  t.notOk(allowed(account('other'), 'demo'), 'one of the same name elsewhere');
  t.ok(allowed(account('other', 'ops', 'robot'), 'other'));
  t.notOk(allowed(account('other', 'ops', 'robot'), 'demo'));
  const { cluster: _, ...nowhere } = account('demo');
  t.notOk(allowed(nowhere, 'demo'));
  const rules = [
    { cluster: 'demo', users: ['system:serviceaccount:default:x'], groups: ['system:serviceaccounts'] },
  ];
  t.notOk(
    new Access(rules).decide(account('demo', 'default', 'x'), 't', 'demo').allowed,
    'not by user or group rules',
  );
});

t.test('names of Kubernetes itself are never impersonated', async (t) => {
  const rules = [{ cluster: '*', users: ['system:admin', 'alice', ' '] }];
  const open = new Access(rules);
  t.notOk(open.decide(user('system:admin'), 't', 'demo').allowed);
  t.notOk(open.decide(user('alice', ['system:masters']), 't', 'demo').allowed);
  t.notOk(open.decide(user('alice', ['']), 't', 'demo').allowed);
  t.notOk(open.decide(user(' '), 't', 'demo').allowed);
});

t.test('the clusters of a principal, and who administers', async (t) => {
  t.same(access.clustersOf(user('alice'), ['a', 'demo', 'b']), ['demo']);
  t.same(access.clustersOf(account('demo'), ['a', 'demo']), ['demo']);
  t.ok(access.isAdmin(user('admin')) && access.isAdmin(user('x', ['admins'])));
  t.notOk(access.isAdmin(user('alice')));
  t.notOk(access.isAdmin({ ...account('demo'), user: 'admin', groups: ['admins'] }));
});

t.test('configuration', async (t) => {
  const schema = Compile(AccessSchema);
  t.ok(
    schema.Check([
      { cluster: 'demo', users: ['a'] },
      { cluster: '*', serviceAccounts: ['ns:a.b'] },
    ]),
  );
  for (const wrong of [
    { cluster: 'Demo' },
    { cluster: 'demo', user: ['a'] },
    { users: ['a'] },
    { cluster: 'demo', users: [''] },
    { cluster: 'demo', serviceAccounts: ['x'] },
  ]) {
    t.notOk(schema.Check([wrong]), JSON.stringify(wrong));
  }
});

t.test('a rule for every service account admits those of its own cluster only', async (t) => {
  const access = new Access([{ cluster: 'dev', serviceAccounts: ['*'] }]);
  const account = (cluster: string) => ({
    kind: 'serviceAccount' as const,
    user: 'system:serviceaccount:default:robot',
    groups: [],
    extra: {},
    cluster,
    namespace: 'default',
    name: 'robot',
  });
  t.match(access.decide(account('dev'), 'token', 'dev'), { allowed: true, identity: { kind: 'token' } });
  t.match(access.decide(account('other'), 'token', 'dev'), { allowed: false });
  const user = { kind: 'user' as const, user: '*', groups: [], extra: {} };
  t.match(access.decide(user, 'token', 'dev'), { allowed: false }, 'no user is meant');
});
