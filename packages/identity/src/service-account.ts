/** Service account tokens of a cluster, verified with the keys that its agent published, for that cluster only. */
import { checkTimes, verifiedClaims } from './claims.ts';
import { IdentityError } from './errors.ts';
import { localKeys, pick } from './key-source.ts';
import { freezePrincipal, type Principal } from './principal.ts';
import { type Claims, isObject, own, type UnverifiedToken } from './token.ts';

/** What a cluster's agent published. A new object means new keys: cached results are bound to the object. */
export interface ClusterKeys {
  issuer: string;
  jwks: { keys: unknown[] };
}

/** Issuer of Secret tokens (kubernetes pkg/serviceaccount/legacy.go); they have no audience and no expiry. */
export const LEGACY_ISSUER = 'kubernetes/serviceaccount';
/** What kube-apiserver signs with (pkg/serviceaccount/jwt.go: RSA keys give RS256, ECDSA keys by curve). */
const ALGORITHMS = ['RS256', 'ES256', 'ES384', 'ES512'];
const SKEW_SECONDS = 60;
/** Namespace and name as Kubernetes names them: DNS label, DNS subdomain. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

const keySets = new WeakMap<ClusterKeys, ReturnType<typeof localKeys>>();

/** Whether such a token could be this cluster's; nothing is verified yet. */
export function isIssuedByCluster(seen: UnverifiedToken, keys: ClusterKeys): boolean {
  return seen.iss === keys.issuer || seen.iss === LEGACY_ISSUER;
}

/**
 * Audience and revocation are not checked: the token is passed on untouched and the API server judges it.
 * Throws IdentityError ERR_IDENTITY_ALGORITHM, _KEY_UNKNOWN, _SIGNATURE, _EXPIRED, _NOT_YET_VALID, _CLAIM,
 * _SERVICE_ACCOUNT, _ISSUER_UNAVAILABLE (the agent's key set is unusable).
 */
export async function verifyServiceAccount(
  token: string,
  seen: UnverifiedToken,
  cluster: string,
  keys: ClusterKeys,
  nowMs: number,
): Promise<Principal> {
  if (!ALGORITHMS.includes(seen.alg)) {
    throw new IdentityError('ERR_IDENTITY_ALGORITHM', `algorithm is not one of ${ALGORITHMS.join(', ')}`);
  }
  let set = keySets.get(keys);
  if (set === undefined) keySets.set(keys, (set = localKeys(keys.jwks)));
  const key = await pick(set, { alg: seen.alg, ...(seen.kid === undefined ? {} : { kid: seen.kid }) });
  if (key === undefined) {
    throw new IdentityError(
      'ERR_IDENTITY_KEY_UNKNOWN',
      `no single key of cluster '${cluster}' fits the token`,
    );
  }
  const claims = await verifiedClaims(token, key, [seen.alg]);
  const legacy = own(claims, 'iss') === LEGACY_ISSUER;
  const expiresAtMs = checkTimes(claims, nowMs, SKEW_SECONDS, !legacy);
  const { namespace, name, uid } = legacy ? legacyNames(claims) : boundNames(claims);
  const user = `system:serviceaccount:${namespace}:${name}`;
  if (!NAMESPACE.test(namespace) || !NAME.test(name) || own(claims, 'sub') !== user) {
    throw new IdentityError(
      'ERR_IDENTITY_SERVICE_ACCOUNT',
      "'sub' and the service account's claims do not agree",
    );
  }
  return freezePrincipal({
    kind: 'serviceAccount',
    issuer: `cluster:${cluster}`,
    user,
    // k8s.io/apiserver/pkg/authentication/serviceaccount MakeGroupNames
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    ...(uid === '' ? {} : { uid }),
    extra: {},
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    cluster,
    namespace,
    name,
  });
}

interface Names {
  namespace: string;
  name: string;
  uid: string;
}

function legacyNames(claims: Claims): Names {
  const prefix = 'kubernetes.io/serviceaccount/';
  return {
    namespace: text(own(claims, `${prefix}namespace`)),
    name: text(own(claims, `${prefix}service-account.name`)),
    uid: text(own(claims, `${prefix}service-account.uid`)),
  };
}

/** pkg/serviceaccount/claims.go: {"kubernetes.io": {namespace, serviceaccount: {name, uid}, …}}. */
function boundNames(claims: Claims): Names {
  const own1 = own(claims, 'kubernetes.io');
  const inner = isObject(own1) ? own1 : {};
  const account = own(inner, 'serviceaccount');
  const { name, uid } = isObject(account) ? { name: own(account, 'name'), uid: own(account, 'uid') } : {};
  return { namespace: text(own(inner, 'namespace')), name: text(name), uid: text(uid) };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
