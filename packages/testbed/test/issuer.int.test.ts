/** The issuer double, as a client sees it: discovery, device, browser, refresh, application. */
import { createHash } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import t, { type Test } from 'tap';
import { Agent, fetch } from 'undici';
import { makeCa } from '../src/certs.ts';
import { type IssuerOptions, startIssuer } from '../src/issuer/index.ts';

type Json = Record<string, unknown>;

async function start(t: Test, options: Partial<IssuerOptions> = {}) {
  const ca = await makeCa();
  const issuer = await startIssuer({ tls: await ca.issue({ commonName: 'issuer' }), ...options });
  const dispatcher = new Agent({ connect: { ca: ca.cert } });
  t.teardown(async () => {
    await dispatcher.destroy();
    await issuer.close();
  });
  const get = (url: string) => fetch(url, { dispatcher, redirect: 'manual' });
  const post = (url: string, form: Record<string, string>) =>
    fetch(url, { dispatcher, redirect: 'manual', method: 'POST', body: new URLSearchParams(form) });
  const metadata = (await (await get(issuer.url + issuer.paths.discovery())).json()) as Record<
    string,
    string
  >;
  const at = (name: string) => metadata[name] ?? '';
  const token = async (form: Record<string, string>) =>
    (await (await post(at('token_endpoint'), { client_id: 'fairlead', ...form })).json()) as Json;
  const verify = async (jwt: unknown) => {
    const jwks = (await (await get(at('jwks_uri'))).json()) as Parameters<typeof createLocalJWKSet>[0];
    const options = { issuer: issuer.issuer(), audience: 'fairlead' };
    return (await jwtVerify(String(jwt), createLocalJWKSet(jwks), options)).payload;
  };
  return { issuer, get, post, at, token, verify };
}

t.test('discovery of each realm names its own issuer', async (t) => {
  const { issuer, get } = await start(t);
  for (const realm of ['v1', 'v2', 'plain'] as const) {
    const document = (await (await get(issuer.url + issuer.paths.discovery(realm))).json()) as Json;
    t.equal(document['issuer'], issuer.issuer(realm));
  }
});

t.test('a device waits, is taken in on the page, and its refresh token works once', async (t) => {
  const { at, post, get, token, verify } = await start(t);
  const scope = 'openid profile offline_access';
  const answer = await post(at('device_authorization_endpoint'), { client_id: 'fairlead', scope });
  const device = (await answer.json()) as Record<string, string>;
  const grant = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: device['device_code'] ?? '',
  };
  t.match(await token(grant), { error: 'authorization_pending' });
  const html = await (await get(device['verification_uri_complete'] ?? '')).text();
  t.match(html, /alice@fairlead\.example/);
  const choice = { user_code: device['user_code'] ?? '', person: 'alice' };
  t.equal((await post(device['verification_uri'] ?? '', { ...choice, person: 'nobody' })).status, 404);
  t.equal((await post(device['verification_uri'] ?? '', choice)).status, 200);
  const tokens = await token(grant);
  t.match(await verify(tokens['id_token']), { upn: 'alice@fairlead.example', ver: '2.0' });
  t.match(await verify(tokens['access_token']), { upn: 'alice@fairlead.example', scp: 'user_impersonation' });
  t.match(await token(grant), { error: 'expired_token' }, 'a device code works once');
  const refresh = { grant_type: 'refresh_token', refresh_token: String(tokens['refresh_token']) };
  t.ok((await token(refresh))['id_token']);
  t.match(await token(refresh), { error: 'invalid_grant' });
});

t.test('a device that is refused', async (t) => {
  const { at, post, token } = await start(t);
  const answer = await post(at('device_authorization_endpoint'), { client_id: 'fairlead' });
  const device = (await answer.json()) as Record<string, string>;
  await post(device['verification_uri'] ?? '', { user_code: device['user_code'] ?? '', deny: '1' });
  const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
  t.match(await token({ grant_type, device_code: device['device_code'] ?? '' }), { error: 'access_denied' });
});

t.test('the browser flow wants PKCE and a loopback address', async (t) => {
  const { at, post, get, token, verify } = await start(t);
  const verifier = 'v'.repeat(43);
  const query = {
    client_id: 'fairlead',
    response_type: 'code',
    redirect_uri: 'http://127.0.0.1:5000/callback',
    scope: 'openid',
    state: '"><script>',
    nonce: 'n',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  };
  const page = await get(`${at('authorization_endpoint')}?${new URLSearchParams(query)}`);
  t.notMatch(await page.text(), '<script>', 'what came in is escaped');
  const pick = (over: Record<string, string>) =>
    post(at('authorization_endpoint'), { ...query, person: 'bob', ...over });
  t.equal((await pick({ redirect_uri: 'https://evil.example/' })).status, 400);
  t.match((await pick({ code_challenge: '' })).headers.get('location'), 'error=invalid_request');
  const code = async () => {
    const location = new URL((await pick({})).headers.get('location') ?? '');
    t.equal(location.searchParams.get('state'), query.state);
    return location.searchParams.get('code') ?? '';
  };
  const grant = {
    grant_type: 'authorization_code',
    redirect_uri: query.redirect_uri,
    code_verifier: verifier,
  };
  const wrong = { ...grant, code: await code(), code_verifier: 'w'.repeat(43) };
  t.match(await token(wrong), { error: 'invalid_grant' });
  const tokens = await token({ ...grant, code: await code() });
  t.match(await verify(tokens['id_token']), { upn: 'bob@fairlead.example', nonce: 'n' });
});

t.test('an application signs in with its secret; many groups become a marker', async (t) => {
  const groups = Array.from({ length: 201 }, (_, n) => `group-${n}`);
  const app = { clientId: 'robot', secret: 's3cret' };
  const { token, verify } = await start(t, { people: { robot: { oid: 'o-1', name: 'Robot', groups, app } } });
  const ask = { grant_type: 'client_credentials', client_id: 'robot' };
  t.match(await token({ ...ask, client_secret: 'wrong' }), { error: 'invalid_client' });
  const claims = await verify((await token({ ...ask, client_secret: 's3cret' }))['access_token']);
  t.match(claims, { oid: 'o-1', idtyp: 'app', _claim_names: { groups: 'src1' } });
  t.notOk('groups' in claims || 'upn' in claims);
});

t.test('keys rotate, with and without overlap', async (t) => {
  const { issuer, verify } = await start(t);
  const old = await issuer.mint('alice');
  await issuer.rotate();
  t.ok(await verify(old));
  t.ok(await verify(await issuer.mint('alice')));
  await issuer.rotate({ dropOld: true });
  await t.rejects(verify(old));
});
