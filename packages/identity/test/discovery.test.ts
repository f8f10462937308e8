/** Where a discovery document may send us for keys. */
import t from 'tap';
import { discoverKeysUrl } from '../src/discovery.ts';

const ask = (issuer: string, jwks_uri: string, development = false) =>
  discoverKeysUrl(
    { get: () => Promise.resolve(JSON.stringify({ issuer, jwks_uri })) },
    issuer,
    new URL(`${issuer}/.well-known/openid-configuration`),
    development,
  );

t.test('to another host, as Google does, but not into this machine or its cloud', async (t) => {
  const issuer = 'https://idp.example';
  t.equal((await ask(issuer, 'https://keys.example/certs')).href, 'https://keys.example/certs');
  const code = { code: 'ERR_IDENTITY_ISSUER_UNAVAILABLE' };
  for (const host of [
    '127.0.0.1',
    '127.1',
    '2130706433',
    'localhost',
    '[::1]',
    '169.254.169.254',
    '[fe80::1]',
    '0.0.0.0',
  ]) {
    await t.rejects(ask(issuer, `https://${host}/keys`), code, host);
  }
  await t.rejects(
    ask(issuer, 'http://keys.example/certs', true),
    code,
    'http beyond loopback, even in development',
  );
});

t.test('a provider on loopback may stay there, by http in development only', async (t) => {
  t.ok(await ask('https://127.0.0.1:1', 'https://127.0.0.1:2/keys'));
  t.ok(await ask('http://127.0.0.1:1', 'http://127.0.0.1:1/keys', true));
  await t.rejects(ask('http://127.0.0.1:1', 'http://127.0.0.1:1/keys'), {
    code: 'ERR_IDENTITY_ISSUER_UNAVAILABLE',
  });
});
