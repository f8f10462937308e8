/** Attacks by the token itself; the numbers are those of the list of pitfalls (D26–D29, D32). */
import { createHmac } from 'node:crypto';
import { exportSPKI, generateKeyPair, importJWK } from 'jose';
import t from 'tap';
import { newSigningKey } from '../../testbed/src/issuer/index.ts';
import { bench, refusal } from './support.ts';

const b64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const bodyOf = (token: string) => token.split('.')[1] ?? '';

t.test('D26: algorithms', async (t) => {
  const { issuer, authenticator, plain } = await bench(t);
  const one = authenticator();
  const good = await issuer.mint('alice');
  t.equal(await refusal(one, good), 'accepted');
  const [head = '', body = '', signature = ''] = good.split('.');
  const key = issuer.keys[0];
  if (key === undefined) throw new Error('no key');
  const kid = key.kid;

  for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
    t.equal(
      await refusal(one, `${b64({ alg, kid })}.${body}.`),
      'ERR_IDENTITY_TOKEN_MALFORMED',
      `${alg}, no signature`,
    );
    t.equal(
      await refusal(one, `${b64({ alg, kid })}.${body}.${signature}`),
      'ERR_IDENTITY_ALGORITHM',
      `${alg}, a signature`,
    );
  }
  const publicKey = await importJWK(key.publicJwk, 'RS256', { extractable: true });
  const pem = await exportSPKI(publicKey as CryptoKey);
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const secrets = {
    pem,
    'pem without newline': pem.trim(),
    'pem with leading space': ` ${pem}`,
    der,
    jwk: JSON.stringify(key.publicJwk),
    empty: '',
  };
  for (const [shape, secret] of Object.entries(secrets)) {
    for (const [alg, digest] of [
      ['HS256', 'sha256'],
      ['HS512', 'sha512'],
    ] as const) {
      const input = `${b64({ alg, kid, typ: 'JWT' })}.${body}`;
      const forged = `${input}.${createHmac(digest, secret).update(input).digest('base64url')}`;
      t.equal(await refusal(one, forged), 'ERR_IDENTITY_ALGORITHM', `${alg} with the public key as ${shape}`);
    }
  }
  const unlisted = { ...key, alg: 'PS256' } as unknown as typeof key;
  const { privateKey } = await generateKeyPair('PS256', { extractable: true });
  t.equal(
    await refusal(one, await issuer.mint('alice', {}, { key: { ...unlisted, privateKey } })),
    'ERR_IDENTITY_ALGORITHM',
    'unlisted',
  );
  const es = await newSigningKey('ES256');
  t.equal(
    await refusal(one, await issuer.mint('alice', {}, { key: { ...es, kid } })),
    'ERR_IDENTITY_KEY_UNKNOWN',
    'ES256 under the kid of an RSA key',
  );
  const strict = authenticator({ issuers: [{ ...plain, algorithms: ['ES256'] }] });
  t.equal(
    await refusal(strict, await issuer.mint('alice', {}, { realm: 'plain' })),
    'ERR_IDENTITY_ALGORITHM',
    'pinned per issuer',
  );
  const other = await newSigningKey();
  t.equal(
    await refusal(one, await issuer.mint('alice', {}, { key: { ...other, kid } })),
    'ERR_IDENTITY_SIGNATURE',
    'another key under the kid',
  );
  t.equal(
    await refusal(
      one,
      `${head}.${b64({ ...JSON.parse(Buffer.from(body, 'base64url').toString()), upn: 'admin@x' })}.${signature}`,
    ),
    'ERR_IDENTITY_SIGNATURE',
    'changed claims',
  );
});

t.test('D27: a header that brings or names its own key', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  t.equal(await refusal(one, await issuer.mint('alice')), 'accepted');
  const own = await newSigningKey();
  const before = issuer.requests(issuer.paths.keys());
  const headers: Record<string, unknown>[] = [
    { jwk: own.publicJwk },
    { jku: `${issuer.url}/evil/keys` },
    { x5u: `${issuer.url}/evil/cert` },
    { x5c: ['MIIB'] },
    { cty: 'JWT' },
    { zip: 'DEF' },
  ];
  for (const header of headers) {
    const token = await issuer.mint('alice', {}, { key: own, header });
    t.equal(await refusal(one, token), 'ERR_IDENTITY_HEADER_REFUSED', Object.keys(header).join());
  }
  const body = bodyOf(await issuer.mint('alice'));
  const kid = issuer.keys[0]?.kid;
  const raw = (header: unknown) => `${b64(header)}.${body}.AAAA`;
  t.equal(
    await refusal(one, raw({ alg: 'RS256', kid, crit: ['b64'], b64: false })),
    'ERR_IDENTITY_HEADER_REFUSED',
    'crit',
  );
  t.equal(
    await refusal(one, raw({ alg: 'RS256', kid, b64: false })),
    'ERR_IDENTITY_HEADER_REFUSED',
    'b64 false',
  );
  t.equal(
    await refusal(one, raw({ alg: 'RS256', kid: 'k'.repeat(10_000) })),
    'ERR_IDENTITY_HEADER_REFUSED',
    'huge kid',
  );
  t.equal(await refusal(one, raw({ alg: 'RS256', kid: 7 })), 'ERR_IDENTITY_TOKEN_MALFORMED', 'kid a number');
  t.equal(await refusal(one, raw({ kid })), 'ERR_IDENTITY_ALGORITHM', 'no alg');
  for (const path of ['../../etc/passwd', "' OR 1=1 --", '__proto__']) {
    t.equal(await refusal(one, raw({ alg: 'RS256', kid: path })), 'ERR_IDENTITY_KEY_UNKNOWN', path);
  }
  t.equal(issuer.requests('/evil/keys') + issuer.requests('/evil/cert'), 0, 'nothing was fetched from there');
  t.equal(issuer.requests(issuer.paths.keys()), before, 'nor the keys again within the cooldown');
});

t.test('D28: claims', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  const now = Math.floor(Date.now() / 1000);
  const v2 = issuer.issuer();
  const cases: [string, Record<string, unknown>, string][] = [
    ['iss with a suffix', { iss: `${v2}.evil.example` }, 'ERR_IDENTITY_ISSUER_UNKNOWN'],
    ['iss in upper case', { iss: v2.toUpperCase() }, 'ERR_IDENTITY_ISSUER_UNKNOWN'],
    ['iss with a trailing slash', { iss: `${v2}/` }, 'ERR_IDENTITY_ISSUER_UNKNOWN'],
    ['iss without', { iss: issuer.issuer('v1').slice(0, -1) }, 'ERR_IDENTITY_ISSUER_UNKNOWN'],
    [
      'iss of another tenant',
      { iss: v2.replace(issuer.tenant, '00000000-0000-0000-0000-000000000000') },
      'ERR_IDENTITY_ISSUER_UNKNOWN',
    ],
    ['iss as array', { iss: [v2] }, 'ERR_IDENTITY_ISSUER_UNKNOWN'],
    ['no iss', { iss: undefined }, 'ERR_IDENTITY_ISSUER_UNKNOWN'],
    ['aud of Microsoft Graph', { aud: '00000003-0000-0000-c000-000000000000' }, 'ERR_IDENTITY_AUDIENCE'],
    ['aud in another case', { aud: 'Fairlead' }, 'ERR_IDENTITY_AUDIENCE'],
    ['no aud', { aud: undefined }, 'ERR_IDENTITY_AUDIENCE'],
    ['empty aud', { aud: [] }, 'ERR_IDENTITY_AUDIENCE'],
    ['aud array with a stranger', { aud: ['fairlead', 'other'] }, 'ERR_IDENTITY_AUDIENCE'],
    ['aud array of ours', { aud: ['fairlead'] }, 'accepted'],
    ['no exp', { exp: undefined }, 'ERR_IDENTITY_CLAIM'],
    ['exp as string', { exp: String(now + 600) }, 'ERR_IDENTITY_CLAIM'],
    ['exp null', { exp: null }, 'ERR_IDENTITY_CLAIM'],
    ['exp beyond the skew', { exp: now - 61 }, 'ERR_IDENTITY_EXPIRED'],
    ['exp within the skew', { exp: now - 30 }, 'accepted'],
    ['nbf future', { nbf: now + 120 }, 'ERR_IDENTITY_NOT_YET_VALID'],
    ['nbf as string', { nbf: String(now) }, 'ERR_IDENTITY_CLAIM'],
    ['iat future', { iat: now + 120 }, 'ERR_IDENTITY_NOT_YET_VALID'],
  ];
  for (const [name, overrides, code] of cases) {
    t.equal(await refusal(one, await issuer.mint('alice', overrides)), code, name);
  }
  const logout = await issuer.mint('alice', {}, { header: { typ: 'logout+jwt' } });
  t.equal(await refusal(one, logout), 'ERR_IDENTITY_TYPE', 'a logout token');
});

t.test('D28: a type and claims that the configuration demands', async (t) => {
  const { issuer, authenticator, plain } = await bench(t);
  const one = authenticator({ issuers: [{ ...plain, typ: 'at+jwt', requiredClaims: { scp: 'clusters' } }] });
  const mint = (scp: unknown, typ: string) =>
    issuer.mint('alice', { scp }, { realm: 'plain', header: { typ } });
  t.equal(await refusal(one, await mint('clusters', 'JWT')), 'ERR_IDENTITY_TYPE', 'an ID token');
  t.equal(await refusal(one, await mint(undefined, 'at+jwt')), 'ERR_IDENTITY_CLAIM');
  t.equal(await refusal(one, await mint('clusters2', 'at+jwt')), 'ERR_IDENTITY_CLAIM');
  t.equal(await refusal(one, await mint(['a', 'clusters'], 'application/AT+JWT')), 'accepted');
});

t.test('D29: tenant and version are pinned', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  const tid = '00000000-0000-0000-0000-000000000000';
  t.equal(await refusal(one, await issuer.mint('alice', { tid })), 'ERR_IDENTITY_TENANT');
  t.equal(await refusal(one, await issuer.mint('alice', { tid: undefined })), 'ERR_IDENTITY_TENANT');
  t.equal(await refusal(one, await issuer.mint('alice', { ver: '1.0' })), 'ERR_IDENTITY_CLAIM');
  t.equal(await refusal(one, await issuer.mint('alice', {}, { realm: 'v1' })), 'accepted', 'v1');
});

t.test('D32: sizes and shapes', async (t) => {
  const { issuer, authenticator } = await bench(t);
  const one = authenticator();
  const good = await issuer.mint('alice');
  const [head = '', body = '', signature = ''] = good.split('.');
  const claims = Buffer.from(body, 'base64url').toString();
  t.equal(await refusal(one, `${head}.${body}.${'A'.repeat(25_000)}`), 'ERR_IDENTITY_TOKEN_TOO_LARGE');
  const malformed: [string, string][] = [
    ['empty', ''],
    ['opaque', 'abc'],
    ['JWE', `${head}.a.b.c.d`],
    ['four parts', `${good}.x`],
    ['padding', `${head}=.${body}.${signature}`],
    ['trailing newline', `${good}\n`],
    ['leading blank', ` ${good}`],
    ['header no JSON', `${b64('nope')}.${body}.${signature}`],
    ['claims an array', `${head}.${b64('[]')}.${signature}`],
    ['claims not UTF-8', `${head}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`],
    ['a claim twice', `${head}.${b64(claims.replace('{', '{"iss":"x",'))}.${signature}`],
    ['a claim twice, once escaped', `${head}.${b64(claims.replace('{', '{"\\u0069ss":"x",'))}.${signature}`],
    ['alg twice', `${b64('{"alg":"none","alg":"RS256"}')}.${body}.${signature}`],
    ['nested ten thousand deep', `${head}.${b64('['.repeat(10_000))}.${signature}`],
  ];
  for (const [name, token] of malformed)
    t.equal(await refusal(one, token), 'ERR_IDENTITY_TOKEN_MALFORMED', name);
  t.equal(
    await refusal(one, await issuer.mint('alice', { nested: { a: [{ iss: 1 }, { iss: 2 }] } })),
    'accepted',
  );
  const groups = Array.from({ length: 200 }, () => crypto.randomUUID());
  const many = await issuer.mint('alice', { groups });
  const principal = await one.authenticate(many, undefined);
  t.same(principal.groups, groups, '200 groups');
});
