/** Where keys come from when the issuer, or whoever sends tokens, misbehaves (D30, D31). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { newSigningKey, type Reply } from '../../testbed/src/issuer/index.ts';
import { bench, refusal } from './support.ts';

const reply = (body: string | Buffer, headers = {}): Reply => ({ status: 200, body, headers });

t.test('D30: a flood of unknown kids costs one fetch a cooldown', async (t) => {
  const { issuer, authenticator } = await bench(t);
  let now = Date.now();
  const one = authenticator({ now: () => now });
  t.equal(await refusal(one, await issuer.mint('alice')), 'accepted');
  const fetches = () => issuer.requests(issuer.paths.keys());
  t.equal(fetches(), 1);
  const stranger = await newSigningKey();
  const flood = async () => {
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        issuer.mint('alice', { n }, { key: { ...stranger, kid: `kid-${n}` } }),
      ),
    );
    return new Set(await Promise.all(tokens.map((token) => refusal(one, token))));
  };
  t.same(await flood(), new Set(['ERR_IDENTITY_KEY_UNKNOWN']));
  t.equal(fetches(), 1, 'within the cooldown none');
  now += 30_000;
  t.same(await flood(), new Set(['ERR_IDENTITY_KEY_UNKNOWN']));
  t.equal(fetches(), 2, 'after it one');
  t.equal(
    issuer.requests(issuer.paths.keys('v1')) + issuer.requests(issuer.paths.keys('plain')),
    0,
    'other issuers none',
  );
});

t.test('a rotated key is found after the cooldown, a withdrawn one ends remembered tokens', async (t) => {
  const { issuer, authenticator } = await bench(t);
  let now = Date.now();
  const one = authenticator({ now: () => now });
  const old = await issuer.mint('alice');
  t.equal(await refusal(one, old), 'accepted');
  t.notOk(one.authenticate(old, undefined) instanceof Promise, 'remembered');
  await issuer.rotate({ dropOld: true });
  now += 30_000;
  const fresh = await issuer.mint('alice');
  t.equal(await refusal(one, fresh), 'accepted');
  t.equal(await refusal(one, old), 'ERR_IDENTITY_KEY_UNKNOWN');
});

t.test('D30: keys go on while the issuer is down, for a bounded time', async (t) => {
  const { issuer, authenticator } = await bench(t);
  let now = Date.now();
  const one = authenticator({ now: () => now });
  const mint = () => issuer.mint('alice', { exp: Math.floor(now / 1000) + 7_200, jti: crypto.randomUUID() });
  t.equal(await refusal(one, await mint()), 'accepted');
  issuer.fault = () => ({ status: 500 });
  now += 700_000;
  t.equal(await refusal(one, await mint()), 'accepted', 'older than the refresh time');
  now += 3_600_000;
  t.equal(await refusal(one, await mint()), 'ERR_IDENTITY_ISSUER_UNAVAILABLE');
  issuer.fault = undefined;
  now += 30_000;
  t.equal(await refusal(one, await mint()), 'accepted', 'and back');
});

t.test(
  'D30: a slow issuer is given up, once for all who wait, and asked again after the cooldown only',
  async (t) => {
    const { issuer, authenticator } = await bench(t);
    const one = authenticator({ fetchLimits: { timeoutMs: 150 } });
    issuer.fault = () => ({ status: 200, delayMs: 60_000 });
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => issuer.mint('alice', { n })));
    const started = performance.now();
    const codes = await Promise.all(tokens.map((token) => refusal(one, token)));
    t.same(new Set(codes), new Set(['ERR_IDENTITY_ISSUER_UNAVAILABLE']));
    t.ok(performance.now() - started < 2_000);
    t.equal(await refusal(one, await issuer.mint('bob')), 'ERR_IDENTITY_ISSUER_UNAVAILABLE');
    t.equal(issuer.requests(issuer.paths.discovery()), 1);
  },
);

t.test('D31: what discovery may not do', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const discovery = issuer.paths.discovery();
  const base = { issuer: issuer.issuer(), jwks_uri: issuer.url + issuer.paths.keys() };
  const metadata = (over: Record<string, unknown>) => reply(JSON.stringify({ ...base, ...over }));
  const answers: [string, Reply][] = [
    ['redirect to the metadata service', { status: 302, headers: { location: 'http://169.254.169.254/' } }],
    [
      'redirect to itself',
      { status: 307, headers: { location: `${issuer.url}${issuer.paths.discovery('v1')}` } },
    ],
    ['another issuer', metadata({ issuer: issuer.issuer('v1') })],
    ['no issuer', metadata({ issuer: undefined })],
    ['keys by http', metadata({ jwks_uri: 'http://127.0.0.1:1/keys' })],
    ['keys from a file', metadata({ jwks_uri: 'file:///etc/passwd' })],
    ['keys at a link-local address', metadata({ jwks_uri: 'https://169.254.169.254/keys' })],
    ['keys with a password', metadata({ jwks_uri: 'https://a:b@127.0.0.1/keys' })],
    ['no keys', metadata({ jwks_uri: undefined })],
    ['compressed, it says', { ...metadata({}), headers: { 'content-encoding': 'gzip' } }],
    ['no JSON', reply('<html>')],
    ['an array', reply('[]')],
    ['too large', reply(Buffer.alloc(1_000_000, 0x20))],
    ['a bomb', reply(gzipSync(Buffer.alloc(20_000_000)), { 'content-encoding': 'gzip' })],
  ];
  for (const [name, answer] of answers) {
    issuer.fault = (path) => (path === discovery ? answer : undefined);
    t.equal(
      await refusal(authenticator(), await issuer.mint('alice')),
      'ERR_IDENTITY_ISSUER_UNAVAILABLE',
      name,
    );
  }
  t.equal(issuer.requests(issuer.paths.keys()), 0);
  t.equal(issuer.requests(issuer.paths.discovery('v1')), 0, 'no redirect was followed');
});

t.test('D31: what a key set may not do', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const jwk = issuer.keys[0]?.publicJwk;
  const other = await newSigningKey();
  const answers: [string, Reply, string][] = [
    [
      'redirect',
      { status: 301, headers: { location: `${issuer.url}${issuer.paths.keys('v1')}` } },
      'ISSUER_UNAVAILABLE',
    ],
    ['too large', reply(JSON.stringify({ keys: [jwk], pad: 'x'.repeat(600_000) })), 'ISSUER_UNAVAILABLE'],
    [
      'too many',
      reply(JSON.stringify({ keys: Array.from({ length: 200 }, () => jwk) })),
      'ISSUER_UNAVAILABLE',
    ],
    ['no JSON', reply('nope'), 'ISSUER_UNAVAILABLE'],
    ['no keys', reply('{}'), 'ISSUER_UNAVAILABLE'],
    [
      'a kid twice',
      reply(JSON.stringify({ keys: [jwk, { ...other.publicJwk, kid: jwk?.kid }] })),
      'KEY_UNKNOWN',
    ],
    ['alg of the key is another', reply(JSON.stringify({ keys: [{ ...jwk, alg: 'RS512' }] })), 'KEY_UNKNOWN'],
    ['a key for encryption', reply(JSON.stringify({ keys: [{ ...jwk, use: 'enc' }] })), 'KEY_UNKNOWN'],
  ];
  for (const [name, answer, code] of answers) {
    issuer.fault = (path) => (path === issuer.paths.keys() ? answer : undefined);
    t.equal(await refusal(authenticator(), await issuer.mint('alice')), `ERR_IDENTITY_${code}`, name);
  }
});

t.test('an issuer whose certificate is not trusted', async (t) => {
  const { issuer, authenticator, plain } = await bench(t);
  const { caFile: _, ...withoutCa } = plain;
  const one = authenticator({ issuers: [withoutCa] });
  t.equal(
    await refusal(one, await issuer.mint('alice', {}, { realm: 'plain' })),
    'ERR_IDENTITY_ISSUER_UNAVAILABLE',
  );
});

t.test('keys from a file need no network, and a replaced file is read', async (t) => {
  const { issuer, authenticator, plain, directory } = await bench(t);
  let now = Date.now();
  const jwksFile = join(directory, 'keys.json');
  const write = () =>
    writeFileSync(jwksFile, JSON.stringify({ keys: issuer.keys.map((key) => key.publicJwk) }));
  write();
  const one = authenticator({ issuers: [{ ...plain, jwksFile }], now: () => now });
  t.equal(await refusal(one, await issuer.mint('alice', {}, { realm: 'plain' })), 'accepted');
  await issuer.rotate();
  write();
  now += 30_000;
  t.equal(await refusal(one, await issuer.mint('alice', {}, { realm: 'plain' })), 'accepted');
  t.equal(issuer.requests(issuer.paths.keys('plain')), 0);
});
