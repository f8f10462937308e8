/** Service account tokens hold for the cluster whose keys signed them, and for no other. */
import t from 'tap';
import { newSigningKey, sign, type SigningKey } from '../../testbed/src/issuer/index.ts';
import { Authenticator, type ClusterKeys, type IssuerConfig } from '../src/index.ts';
import { refusal } from './support.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const SUB = 'system:serviceaccount:default:demo-user';
const seconds = () => Math.floor(Date.now() / 1000);

const legacy = (over: Record<string, unknown> = {}) => ({
  iss: 'kubernetes/serviceaccount',
  'kubernetes.io/serviceaccount/namespace': 'default',
  'kubernetes.io/serviceaccount/secret.name': 'demo-user-secret',
  'kubernetes.io/serviceaccount/service-account.name': 'demo-user',
  'kubernetes.io/serviceaccount/service-account.uid': 'uid-1',
  sub: SUB,
  ...over,
});
const bound = (over: Record<string, unknown> = {}) => ({
  iss: ISSUER,
  aud: [ISSUER],
  exp: seconds() + 3_600,
  iat: seconds(),
  nbf: seconds(),
  'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'demo-user', uid: 'uid-1' } },
  sub: SUB,
  ...over,
});

async function clusters() {
  const a = await newSigningKey();
  const b = await newSigningKey('ES256');
  const keysOf = (key: SigningKey): ClusterKeys => ({ issuer: ISSUER, jwks: { keys: [key.publicJwk] } });
  const published = new Map([
    ['a', keysOf(a)],
    ['b', keysOf(b)],
  ]);
  const make = (issuers: IssuerConfig[] = []) =>
    new Authenticator({ issuers, clusterKeys: (cluster) => published.get(cluster) });
  return { a, b, published, keysOf, make, authenticator: make() };
}

t.test('Secret tokens and bound tokens', async (t) => {
  const { a, b, authenticator } = await clusters();
  const principal = await authenticator.authenticate(await sign(legacy(), a), 'a');
  t.same(principal, {
    kind: 'serviceAccount',
    issuer: 'cluster:a',
    user: SUB,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default'],
    uid: 'uid-1',
    extra: {},
    cluster: 'a',
    namespace: 'default',
    name: 'demo-user',
  });
  const exp = seconds() + 60;
  const second = await authenticator.authenticate(await sign(bound({ exp, aud: ['vault'] }), b), 'b');
  t.match(second, { user: SUB, cluster: 'b', expiresAtMs: exp * 1000 });
});

t.test('a token of one cluster at another, before and after it was remembered', async (t) => {
  const { a, authenticator } = await clusters();
  const token = await sign(legacy(), a);
  t.equal(await refusal(authenticator, token, 'b'), 'ERR_IDENTITY_KEY_UNKNOWN');
  t.equal(await refusal(authenticator, token, 'a'), 'accepted');
  t.equal(await refusal(authenticator, token, 'b'), 'ERR_IDENTITY_KEY_UNKNOWN');
  t.equal(
    await refusal(authenticator, token, undefined),
    'ERR_IDENTITY_ISSUER_UNKNOWN',
    'no cluster addressed',
  );
  t.equal(
    await refusal(authenticator, token, 'nowhere'),
    'ERR_IDENTITY_ISSUER_UNKNOWN',
    'cluster without keys',
  );
});

t.test('new keys of a cluster end what was remembered', async (t) => {
  const { a, b, published, keysOf, authenticator } = await clusters();
  const token = await sign(legacy(), a);
  await authenticator.authenticate(token, 'a');
  t.notOk(authenticator.authenticate(token, 'a') instanceof Promise);
  published.set('a', keysOf(b));
  t.equal(await refusal(authenticator, token, 'a'), 'ERR_IDENTITY_KEY_UNKNOWN');
  published.delete('a');
  t.equal(await refusal(authenticator, token, 'a'), 'ERR_IDENTITY_ISSUER_UNKNOWN');
});

t.test('claims that do not agree', async (t) => {
  const { a, authenticator } = await clusters();
  const cases: [string, Record<string, unknown>, string][] = [
    ['sub of another', legacy({ sub: 'system:serviceaccount:kube-system:admin' }), 'SERVICE_ACCOUNT'],
    ['sub of a user', legacy({ sub: 'system:admin' }), 'SERVICE_ACCOUNT'],
    ['no namespace', legacy({ 'kubernetes.io/serviceaccount/namespace': undefined }), 'SERVICE_ACCOUNT'],
    [
      'a colon in the name',
      legacy({
        'kubernetes.io/serviceaccount/service-account.name': 'a:b',
        sub: 'system:serviceaccount:default:a:b',
      }),
      'SERVICE_ACCOUNT',
    ],
    ['bound claims under the legacy issuer', bound({ iss: 'kubernetes/serviceaccount' }), 'SERVICE_ACCOUNT'],
    [
      'legacy claims under the cluster issuer',
      legacy({ iss: ISSUER, exp: seconds() + 60 }),
      'SERVICE_ACCOUNT',
    ],
    ['bound without exp', bound({ exp: undefined }), 'CLAIM'],
    ['bound and expired', bound({ exp: seconds() - 120 }), 'EXPIRED'],
    ['legacy with an exp that has passed', legacy({ exp: seconds() - 120 }), 'EXPIRED'],
    ['another issuer', bound({ iss: `${ISSUER}/` }), 'ISSUER_UNKNOWN'],
  ];
  for (const [name, claims, code] of cases) {
    t.equal(await refusal(authenticator, await sign(claims, a), 'a'), `ERR_IDENTITY_${code}`, name);
  }
  const hs = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${(await sign(legacy(), a)).split('.')[1]}.AAAA`;
  t.equal(await refusal(authenticator, hs, 'a'), 'ERR_IDENTITY_ALGORITHM');
});

t.test('a cluster that publishes the issuer of the configuration gains nothing', async (t) => {
  const { a, make, published } = await clusters();
  const issuer = 'https://127.0.0.1:9';
  published.set('a', { issuer, jwks: { keys: [a.publicJwk] } });
  const authenticator = make([{ name: 'x', issuer, audience: 'fairlead' }]);
  t.teardown(() => authenticator.close());
  const forged = await sign(bound({ iss: issuer, aud: 'fairlead', sub: 'admin' }), a);
  t.equal(
    await refusal(authenticator, forged, 'a'),
    'ERR_IDENTITY_ISSUER_UNAVAILABLE',
    'the real issuer was asked',
  );
  const account = await sign(bound({ iss: issuer }), a);
  t.equal(await refusal(authenticator, account, 'a'), 'ERR_IDENTITY_ISSUER_UNAVAILABLE');
});

t.test('a key set that cannot be read', async (t) => {
  const { a, published, authenticator } = await clusters();
  published.set('a', { issuer: ISSUER, jwks: { keys: ['nonsense'] } });
  t.equal(await refusal(authenticator, await sign(legacy(), a), 'a'), 'ERR_IDENTITY_ISSUER_UNAVAILABLE');
});
