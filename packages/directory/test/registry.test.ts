import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinkTable, openSqliteRegistry } from '@fairlead/directory';

const dir = mkdtempSync(join(tmpdir(), 'fairlead-registry-'));
t.teardown(() => rmSync(dir, { recursive: true }));

t.test('a join token is redeemed once, for its cluster', async (t) => {
  using registry = openSqliteRegistry(':memory:');
  registry.addCluster('demo');
  const { token } = registry.createJoinToken('demo', 1000);
  t.match(registry.redeemJoinToken(token, { keyId: 'k1', publicKey: 'p1' }), {
    cluster: 'demo',
    revoked: false,
  });
  t.match(registry.agentKey('k1'), { cluster: 'demo', publicKey: 'p1' });
  t.throws(() => registry.redeemJoinToken(token, { keyId: 'k2', publicKey: 'p2' }), {
    code: 'ERR_DIRECTORY_TOKEN_USED',
  });
  t.equal(registry.agentKey('k2'), undefined);
});

t.test('an expired or unknown join token gives nothing', async (t) => {
  let now = 0;
  using registry = openSqliteRegistry(':memory:', () => now);
  registry.addCluster('demo');
  const { token, expiresAtMs } = registry.createJoinToken('demo', 1000);
  now = expiresAtMs;
  t.throws(() => registry.redeemJoinToken(token, { keyId: 'k', publicKey: 'p' }), {
    code: 'ERR_DIRECTORY_TOKEN_EXPIRED',
  });
  t.throws(() => registry.redeemJoinToken('no', { keyId: 'k', publicKey: 'p' }), {
    code: 'ERR_DIRECTORY_TOKEN_UNKNOWN',
  });
});

t.test('a key of one cluster cannot be enrolled for another, and the token stays good', async (t) => {
  using registry = openSqliteRegistry(':memory:');
  registry.addCluster('a');
  registry.addCluster('b');
  registry.redeemJoinToken(registry.createJoinToken('a', 1000).token, { keyId: 'k', publicKey: 'p' });
  const forB = registry.createJoinToken('b', 1000).token;
  t.throws(() => registry.redeemJoinToken(forB, { keyId: 'k', publicKey: 'p' }), {
    code: 'ERR_DIRECTORY_KEY_TAKEN',
  });
  t.match(registry.agentKey('k'), { cluster: 'a' });
  t.match(registry.redeemJoinToken(forB, { keyId: 'k2', publicKey: 'p2' }), { cluster: 'b' });
});

t.test('removing a cluster removes its keys and join tokens', async (t) => {
  using registry = openSqliteRegistry(':memory:');
  registry.addCluster('demo');
  registry.redeemJoinToken(registry.createJoinToken('demo', 1000).token, { keyId: 'k', publicKey: 'p' });
  const left = registry.createJoinToken('demo', 1000).token;
  registry.removeCluster('demo');
  t.equal(registry.agentKey('k'), undefined);
  t.throws(() => registry.redeemJoinToken(left, { keyId: 'z', publicKey: 'p' }), {
    code: 'ERR_DIRECTORY_TOKEN_UNKNOWN',
  });
  t.throws(() => registry.removeCluster('demo'), { code: 'ERR_DIRECTORY_CLUSTER_UNKNOWN' });
});

t.test('names that are not DNS labels are refused', async (t) => {
  using registry = openSqliteRegistry(':memory:');
  for (const name of ['', 'A', 'a.b', '-a', 'a:b', 'a\n', 'a'.repeat(64)]) {
    t.throws(() => registry.addCluster(name), { code: 'ERR_DIRECTORY_CLUSTER_NAME' }, JSON.stringify(name));
  }
  registry.addCluster('a');
  t.throws(() => registry.addCluster('a'), { code: 'ERR_DIRECTORY_CLUSTER_EXISTS' });
});

t.test('the file outlives the process and holds no join token', async (t) => {
  const path = join(dir, 'registry.db');
  const first = openSqliteRegistry(path);
  first.addCluster('demo');
  const { token } = first.createJoinToken('demo', 60_000);
  first.close();
  t.notOk(readFileSync(path).includes(token));
  using again = openSqliteRegistry(path);
  t.same(
    again.listClusters().map((cluster) => cluster.name),
    ['demo'],
  );
  t.match(again.redeemJoinToken(token, { keyId: 'k', publicKey: 'p' }), { cluster: 'demo' });
});

t.test('a damaged file is refused and left as it was', async (t) => {
  const path = join(dir, 'damaged.db');
  writeFileSync(path, 'this is no database, whatever its name says'.repeat(50));
  const before = readFileSync(path);
  t.throws(() => openSqliteRegistry(path), { code: 'ERR_DIRECTORY_CORRUPT' });
  t.same(readFileSync(path), before);
  t.throws(() => openSqliteRegistry(join(dir, 'no/such/dir.db')), { code: 'ERR_DIRECTORY_STORAGE' });
});

t.test('a request takes the least loaded link that is not draining', async (t) => {
  const table = new LinkTable<{ streams: number; draining: boolean }>();
  const busy = { streams: 5, draining: false };
  const idle = { streams: 1, draining: false };
  const leaving = { streams: 0, draining: true };
  for (const link of [busy, idle, leaving]) table.add('demo', link);
  t.equal(table.pick('demo'), idle);
  t.equal(table.pick('other'), undefined);
  table.remove('demo', idle);
  t.equal(table.pick('demo'), busy);
  table.remove('demo', busy);
  t.equal(table.pick('demo'), undefined);
  t.equal(table.count('demo'), 1);
});

t.test('a key whose enrolment was answered but not heard may repeat it', async (t) => {
  using registry = openSqliteRegistry(':memory:');
  registry.addCluster('demo');
  const key = { keyId: 'k', publicKey: 'p' };
  const { token } = registry.createJoinToken('demo', 1000);
  registry.redeemJoinToken(token, key);
  t.match(registry.redeemJoinToken(token, key), { cluster: 'demo' });
  t.match(
    registry.redeemJoinToken(registry.createJoinToken('demo', 1000).token, key),
    { cluster: 'demo' },
    'a new token too',
  );
  t.throws(() => registry.redeemJoinToken(token, { keyId: 'other', publicKey: 'q' }), {
    code: 'ERR_DIRECTORY_TOKEN_USED',
  });
});
