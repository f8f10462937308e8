/** How long a verified token is remembered. */
import t from 'tap';
import { MAX_ENTRY_AGE_MS } from '../src/index.ts';
import { VerifiedCache } from '../src/verified-cache.ts';
import { bench, refusal } from './support.ts';

t.test('a hit is synchronous, until the age limit', async (t) => {
  const { issuer, authenticator } = await bench(t);
  let now = Date.now();
  const one = authenticator({ now: () => now });
  const token = await issuer.mint('alice');
  const first = await one.authenticate(token, 'demo');
  t.equal(one.authenticate(token, 'demo'), first);
  t.equal(one.authenticate(token, 'other'), first, 'a user holds for every cluster');
  now += MAX_ENTRY_AGE_MS - 1;
  t.equal(one.authenticate(token, 'demo'), first);
  now += 1;
  t.ok(one.authenticate(token, 'demo') instanceof Promise);
});

t.test('never past the end of the token', async (t) => {
  const { issuer, authenticator } = await bench(t);
  let now = Date.now();
  const one = authenticator({ now: () => now });
  const token = await issuer.mint('alice', {}, { lifetimeSeconds: 10 });
  await one.authenticate(token, undefined);
  now += 8_000;
  t.notOk(one.authenticate(token, undefined) instanceof Promise);
  now += 2_000;
  t.ok(one.authenticate(token, undefined) instanceof Promise, 'within the skew it is verified each time');
  now += 61_000;
  t.equal(await refusal(one, token), 'ERR_IDENTITY_EXPIRED');
});

t.test('a token under verification is verified once, and forgotten on request', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  const token = await issuer.mint('alice');
  const first = one.authenticate(token, undefined);
  t.equal(one.authenticate(token, undefined), first);
  await first;
  one.forget(token);
  const again = one.authenticate(token, undefined);
  t.ok(again instanceof Promise);
  one.forget();
  await again;
  t.ok(one.authenticate(token, undefined) instanceof Promise, 'what was under way is not remembered either');
});

t.test('a refusal is not remembered', async (t) => {
  const { issuer, authenticator } = await bench(t);
  let now = Date.now();
  const one = authenticator({ now: () => now });
  const token = await issuer.mint('alice', { nbf: Math.floor(now / 1000) + 100 });
  t.equal(await refusal(one, token), 'ERR_IDENTITY_NOT_YET_VALID');
  now += 100_000;
  t.equal(await refusal(one, token), 'accepted');
});

t.test(
  'the cache is bounded, the least recently used goes first, and a clock set back ends entries',
  async (t) => {
    const cache = new VerifiedCache(2);
    const principal = { kind: 'user' as const, issuer: 'x', user: 'a', groups: [], extra: {} };
    const always = () => true;
    cache.put('a', principal, 0, always);
    cache.put('b', principal, 0, always);
    cache.get('a', 1);
    cache.put('c', principal, 0, always);
    t.equal(cache.size, 2);
    t.notOk(cache.get('b', 1));
    t.ok(cache.get('a', 1));
    t.notOk(cache.get('c', -1));
  },
);
