// Signing in, tokens and what the relay says, against a relay and an issuer in this process.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import t from 'tap';
import type { Test } from 'tap';
import { FakeRelay, cli, jwt, testIo } from './support.ts';

async function fresh(t: Test): Promise<{ relay: FakeRelay; home: string }> {
  const relay = await new FakeRelay().start();
  t.teardown(() => relay.stop());
  return { relay, home: t.testdir() };
}

async function signedIn(t: Test): Promise<{ relay: FakeRelay; home: string }> {
  const got = await fresh(t);
  const { code, stderr } = await cli(testIo(got.home), 'login', '--relay', got.relay.url, '--device');
  t.equal(code, 0, stderr);
  return got;
}

function sessionFile(home: string): string {
  const dir = join(home, 'fairlead/sessions/default');
  return join(dir, readdirSync(dir).find((name) => name.startsWith('127')) ?? '');
}

t.test('a device code sign-in shows the code on stderr and stores a private session', async (t) => {
  const { relay, home } = await fresh(t);
  const { code, stdout, stderr } = await cli(testIo(home), 'login', '--relay', relay.url, '--device');
  t.equal(code, 0, stderr);
  t.equal(stdout, '');
  t.match(stderr, /enter the code ABCD-EFGH/);
  t.match(stderr, /as alice@example\.com/);
  t.equal(statSync(sessionFile(home)).mode & 0o777, 0o600);
  const tokens = relay.seen.filter((request) => request.url === '/issuer/device');
  t.match(tokens[0]?.body, /offline_access/);
});

t.test('a browser sign-in comes back on loopback with PKCE, state and nonce', async (t) => {
  const { relay, home } = await fresh(t);
  const io = testIo(home, {}, (line) => {
    const url = /^To sign in, open (http.*)$/.exec(line)?.[1];
    if (url) void visit(url);
  });
  async function visit(url: string): Promise<void> {
    const back = (await fetch(url, { redirect: 'manual' })).headers.get('location') ?? '';
    const forged = new URL(back);
    forged.searchParams.set('state', 'forged');
    t.equal((await fetch(forged)).status, 404);
    t.equal((await fetch(back)).status, 200);
  }
  const { code, stderr } = await cli(io, 'login', '--relay', relay.url, '--no-browser');
  t.equal(code, 0, stderr);
  const exchange = relay.seen.find((request) => request.body.includes('grant_type=authorization_code'));
  const verifier = new URLSearchParams(exchange?.body).get('code_verifier') ?? '';
  t.equal(createHash('sha256').update(verifier).digest('base64url'), relay.challenge);
});

t.test('get-token answers in the version that kubectl asks for', async (t) => {
  const { home } = await signedIn(t);
  for (const version of ['v1', 'v1beta1']) {
    const info = {
      apiVersion: `client.authentication.k8s.io/${version}`,
      kind: 'ExecCredential',
      spec: { interactive: false },
    };
    const io = testIo(home, { env: { KUBERNETES_EXEC_INFO: JSON.stringify(info) } });
    const { code, stdout, stderr } = await cli(io, 'get-token');
    t.equal(code, 0);
    t.equal(stderr, '');
    const credential = JSON.parse(stdout);
    t.match(credential, { apiVersion: info.apiVersion, kind: 'ExecCredential', status: { token: /^ey/ } });
    const leftMs = Date.parse(credential.status.expirationTimestamp) - Date.now();
    t.ok(leftMs > 3_500_000 && leftMs <= 3_541_000, 'it ends about a minute early');
  }
  const none = JSON.parse((await cli(testIo(home), 'get-token')).stdout);
  t.equal(none.apiVersion, 'client.authentication.k8s.io/v1beta1');
});

t.test('get-token refuses what it does not know, with nothing on stdout', async (t) => {
  const { home } = await signedIn(t);
  for (const info of ['{', '{"apiVersion":"client.authentication.k8s.io/v9","kind":"ExecCredential"}']) {
    const { code, stdout, stderr } = await cli(
      testIo(home, { env: { KUBERNETES_EXEC_INFO: info } }),
      'get-token',
    );
    t.equal(code, 2);
    t.equal(stdout, '');
    t.match(stderr, /^error: KUBERNETES_EXEC_INFO/);
  }
});

t.test('get-token without a session says how to sign in', async (t) => {
  const { relay, home } = await fresh(t);
  const { code, stdout, stderr } = await cli(testIo(home), 'get-token', '--relay', relay.url);
  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(stderr, `error: you are not signed in at ${relay.url}; run: fairlead login --relay ${relay.url}`);
  t.equal(relay.seen.length, 0);
});

function expire(home: string): void {
  const file = sessionFile(home);
  const session = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(
    file,
    JSON.stringify({ ...session, issuedAtMs: Date.now() - 3_600_000, expiresAtMs: Date.now() + 1000 }),
  );
}

t.test('forty in parallel with a session about to end refresh once', async (t) => {
  const { relay, home } = await signedIn(t);
  expire(home);
  const all = await Promise.all(Array.from({ length: 40 }, () => cli(testIo(home), 'get-token')));
  t.ok(all.every(({ code }) => code === 0));
  t.equal(new Set(all.map(({ stdout }) => JSON.parse(stdout).status.token)).size, 1);
  t.equal(relay.refreshes, 1);
});

t.test('six processes in parallel refresh once', async (t) => {
  const { relay, home } = await signedIn(t);
  expire(home);
  const bin = join(import.meta.dirname, '../../../bin/fairlead');
  const codes = await Promise.all(
    Array.from({ length: 6 }, () => {
      const env = { PATH: process.env.PATH, HOME: home, FAIRLEAD_HOME: join(home, 'fairlead') };
      const child = spawn(bin, ['get-token'], { env, cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] });
      return new Promise((resolve) => child.once('exit', resolve));
    }),
  );
  t.same(codes, [0, 0, 0, 0, 0, 0]);
  t.equal(relay.refreshes, 1);
});

t.test('a refresh token that the issuer refuses ends the session, and is not tried again', async (t) => {
  const { relay, home } = await signedIn(t);
  expire(home);
  relay.refreshError = 'invalid_grant';
  t.match((await cli(testIo(home), 'get-token')).stderr, /your session has ended.*run: fairlead login/);
  t.equal((await cli(testIo(home), 'get-token')).code, 1);
  t.equal(relay.refreshes, 1);
});

t.test('an issuer that fails for a while leaves the session for later', async (t) => {
  const { relay, home } = await signedIn(t);
  expire(home);
  relay.refreshError = 'temporarily_unavailable';
  t.match(
    (await cli(testIo(home), 'get-token')).stderr,
    /did not renew the session: temporarily_unavailable/,
  );
  relay.refreshError = undefined;
  t.equal((await cli(testIo(home), 'get-token')).code, 0);
});

t.test('a token file is a session that is read anew each time', async (t) => {
  const { relay, home } = await fresh(t);
  const file = join(home, 'token');
  writeFileSync(file, `${jwt({ sub: 'a' })}\n`);
  t.equal((await cli(testIo(home), 'login', '--relay', relay.url, '--token-file', file)).code, 0);
  writeFileSync(file, 'other.token');
  t.equal(JSON.parse((await cli(testIo(home), 'get-token')).stdout).status.token, 'other.token');
  writeFileSync(file, 'not a token\nat all');
  const { code, stderr } = await cli(testIo(home), 'get-token');
  t.equal(code, 1);
  t.notMatch(stderr, /at all/);
});

t.test('two profiles hold two sessions', async (t) => {
  const { relay, home } = await signedIn(t);
  const file = join(home, 'token');
  writeFileSync(file, 'bobs.token');
  t.equal(
    (await cli(testIo(home), 'login', '--profile', 'bob', '--relay', relay.url, '--token-file', file)).code,
    0,
  );
  t.equal(
    JSON.parse((await cli(testIo(home), 'get-token', '--profile', 'bob')).stdout).status.token,
    'bobs.token',
  );
  t.match(JSON.parse((await cli(testIo(home), 'get-token')).stdout).status.token, /^ey/);
  t.equal((await cli(testIo(home), 'get-token', '--profile', '../x')).code, 2);
});

t.test('clusters are listed in every format', async (t) => {
  const { home } = await signedIn(t);
  t.equal(
    (await cli(testIo(home), 'clusters', 'list')).stdout,
    'NAME   CONNECTED   LINKS\ndemo   yes         2\n',
  );
  t.match((await cli(testIo(home), 'clusters', 'list', '-o', 'wide')).stdout, /2026-01-02T03:04:05Z/);
  t.equal((await cli(testIo(home), 'clusters', 'list', '-o', 'name')).stdout, 'cluster/demo\n');
  t.match(JSON.parse((await cli(testIo(home), 'clusters', 'list', '-o', 'json')).stdout).clusters, [
    { name: 'demo' },
  ]);
  t.match((await cli(testIo(home), 'clusters', 'show', 'demo', '-o', 'yaml')).stdout, /^name: demo\n/);
  t.equal((await cli(testIo(home), 'clusters', 'list', '-o', 'xml')).code, 2);
});

t.test('adding a cluster prints the join token alone on stdout', async (t) => {
  const { home } = await signedIn(t);
  const added = await cli(testIo(home), 'clusters', 'add', 'new');
  t.equal(added.stdout, 'join-me\n');
  t.match(added.stderr, /works once, until 2026-01-02T04:00:00Z/);
  t.equal((await cli(testIo(home), 'clusters', 'add', 'No Name')).code, 2);
  t.equal((await cli(testIo(home), 'clusters', 'remove', 'demo')).code, 0);
  t.match(await cli(testIo(home), 'clusters', 'remove', 'other'), {
    code: 1,
    stderr: /refused \(NotFound\): no such cluster/,
  });
});

t.test('whoami and logout', async (t) => {
  const { home } = await signedIn(t);
  t.match(JSON.parse((await cli(testIo(home), 'whoami', '-o', 'json')).stdout), {
    user: 'alice@example.com',
    admin: true,
  });
  t.equal((await cli(testIo(home), 'logout')).code, 0);
  t.match(await cli(testIo(home), 'whoami'), { code: 1, stderr: /not signed in/ });
});

t.test('wrong relay URLs and relays that are none give one clear line', async (t) => {
  const { relay, home } = await fresh(t);
  const lines = async (...args: string[]): Promise<string> =>
    (await cli(testIo(home), 'login', ...args)).stderr;
  t.match(await lines('--relay', 'http://relay.example.com'), /^error: .*must be an https URL\n$/);
  t.match(await lines('--relay', 'https://'), /^error: relay "https:\/\/" is not a URL.*\n$/);
  t.match(
    await lines('--relay', 'http://127.0.0.1:1'),
    /^error: relay .* cannot be reached: nothing listens there.*\n$/,
  );
  t.match(
    await lines('--relay', `${relay.url}/clusters/x`),
    /^error: .*does not answer as a Fairlead relay.*\n$/,
  );
  t.match(
    await lines('--relay', relay.url, '--ca-file', '/none'),
    /^error: CA file \/none does not exist\n$/,
  );
  t.match(await cli(testIo(home), 'login', '--nope'), { code: 2 });
});
