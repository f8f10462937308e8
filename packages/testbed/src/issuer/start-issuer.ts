/** An OpenID Connect provider on loopback that looks like Microsoft Entra ID: for tests and the demo, never for real use. */
import { randomUUID } from 'node:crypto';
import { Flows } from './flows.ts';
import { type Ask, json, listen, type Reply } from './http.ts';
import { DEMO_CLIENT_ID, DEMO_PEOPLE, DEMO_TENANT, type Person } from './people.ts';
import {
  issuerOf,
  type MintOptions,
  newSigningKey,
  personClaims,
  type Realm,
  sign,
  type SigningKey,
} from './tokens.ts';

export interface IssuerOptions {
  /** PEM, valid for 127.0.0.1. */
  tls: { key: string; cert: string };
  /** By short name; default: alice, bob, mallory, admin. */
  people?: Record<string, Person>;
  port?: number;
  tenant?: string;
  /** Public clients; default `fairlead`. */
  clients?: string[];
  /** Audience of access tokens; default `fairlead`, the client's id, so that ID and access tokens have the same. */
  audience?: string;
  lifetimeSeconds?: number;
  /** Seconds between two polls of a device. */
  intervalSeconds?: number;
  alg?: SigningKey['alg'];
  now?: () => number;
}

export interface IssuerDouble {
  /** Origin; the authority for preset `entra`, the issuer of the plain realm. */
  url: string;
  tenant: string;
  /** `iss` of a realm. */
  issuer: (realm?: Realm) => string;
  /** The published keys; the last one signs. */
  keys: SigningKey[];
  /** Signs from now on with a new key; the old ones stay published unless told. */
  rotate: (options?: { dropOld?: boolean }) => Promise<SigningKey>;
  /** An access token for a person (or one by name), or for nobody: `overrides` are claims, undefined takes one out. */
  mint: (
    who: string | Person | undefined,
    overrides?: Record<string, unknown>,
    options?: MintOptions,
  ) => Promise<string>;
  /** What the sign-in page does for a device. */
  approveDevice: (userCode: string, person: string) => boolean;
  /** Requests so far to a path. */
  requests: (path: string) => number;
  /** Answers in place of the usual, for tests of misbehaviour. */
  fault: ((path: string) => Reply | undefined) | undefined;
  paths: { keys: (realm?: Realm) => string; discovery: (realm?: Realm) => string };
  close: () => Promise<void>;
}

export async function startIssuer(options: IssuerOptions): Promise<IssuerDouble> {
  const {
    tenant = DEMO_TENANT,
    lifetimeSeconds = 3_600,
    audience = DEMO_CLIENT_ID,
    now = Date.now,
  } = options;
  const people = new Map<string, Person>(Object.entries(options.people ?? DEMO_PEOPLE));
  const counts = new Map<string, number>();
  const keys = [await newSigningKey(options.alg)];
  let url = '';

  const mint: IssuerDouble['mint'] = async (who, overrides = {}, mintOptions = {}) => {
    const { realm = 'v2', header } = mintOptions;
    const person = typeof who === 'string' ? people.get(who) : who;
    if (typeof who === 'string' && person === undefined) throw new TypeError(`nobody is called '${who}'`);
    const seconds = Math.floor(now() / 1000);
    const claims = {
      iss: issuerOf(url, tenant, realm),
      aud: mintOptions.audience ?? audience,
      iat: seconds,
      nbf: seconds,
      exp: seconds + (mintOptions.lifetimeSeconds ?? lifetimeSeconds),
      jti: randomUUID(),
      ...(person === undefined ? {} : personClaims(person, tenant, realm)),
      ...overrides,
    };
    return sign(claims, mintOptions.key ?? lastOf(keys), header);
  };
  const flows = new Flows({
    url: () => url,
    people,
    clients: new Set(options.clients ?? [DEMO_CLIENT_ID]),
    now,
    intervalSeconds: options.intervalSeconds ?? 1,
    lifetimeSeconds,
    token: (person, use, { realm, clientId, nonce }) =>
      use === 'id'
        ? mint(person, nonce === undefined ? {} : { nonce }, { realm, audience: clientId })
        : mint(person, { azp: clientId, ...(person.app ? {} : { scp: 'user_impersonation' }) }, { realm }),
  });
  const routes = routesOf(
    tenant,
    () => url,
    () => keys,
    flows,
  );
  const server = await listen(options.tls, options.port ?? 0, async (ask) => {
    if (counts.size < 1_000 || counts.has(ask.path)) counts.set(ask.path, (counts.get(ask.path) ?? 0) + 1);
    return double.fault?.(ask.path) ?? routes.get(ask.path)?.(ask) ?? json({ error: 'not_found' }, 404);
  });
  url = `https://127.0.0.1:${server.port}`;

  const double: IssuerDouble = {
    url,
    tenant,
    issuer: (realm = 'v2') => issuerOf(url, tenant, realm),
    keys,
    rotate: async ({ dropOld = false } = {}) => {
      const key = await newSigningKey(options.alg);
      if (dropOld) keys.length = 0;
      keys.push(key);
      return key;
    },
    mint,
    approveDevice: (userCode, person) => flows.approve(userCode, person),
    requests: (path) => counts.get(path) ?? 0,
    fault: undefined,
    paths: {
      keys: (realm = 'v2') => endpoints(tenant, realm).keys,
      discovery: (realm = 'v2') => endpoints(tenant, realm).discovery,
    },
    close: server.close,
  };
  return double;
}

/** Paths as at login.microsoftonline.com; the plain realm has them at the root. */
function endpoints(tenant: string, realm: Realm) {
  const root = realm === 'plain' ? '' : `/${tenant}`;
  const version = realm === 'v2' ? '/v2.0' : '';
  const oauth = `${root}/oauth2${version}`;
  return {
    discovery: `${root}${version}/.well-known/openid-configuration`,
    keys: `${root}/discovery${version}/keys`,
    authorize: `${oauth}/authorize`,
    token: `${oauth}/token`,
    device: `${oauth}/devicecode`,
  };
}

type Route = (ask: Ask) => Reply | Promise<Reply>;

function routesOf(
  tenant: string,
  url: () => string,
  keys: () => SigningKey[],
  flows: Flows,
): Map<string, Route> {
  const routes = new Map<string, Route>([['/device', (ask) => flows.devicePage(ask)]]);
  for (const realm of ['v2', 'v1', 'plain'] as const) {
    const paths = endpoints(tenant, realm);
    routes.set(paths.discovery, () => json(metadata(url(), issuerOf(url(), tenant, realm), paths, keys())));
    routes.set(paths.keys, () => json({ keys: keys().map((key) => key.publicJwk) }));
    routes.set(paths.authorize, (ask) => flows.authorize(ask, realm));
    routes.set(paths.token, (ask) => (ask.method === 'POST' ? flows.token(ask, realm) : json({}, 405)));
    routes.set(paths.device, (ask) => (ask.method === 'POST' ? flows.device(ask, realm) : json({}, 405)));
  }
  return routes;
}

function metadata(url: string, issuer: string, paths: ReturnType<typeof endpoints>, keys: SigningKey[]) {
  return {
    issuer,
    jwks_uri: url + paths.keys,
    authorization_endpoint: url + paths.authorize,
    token_endpoint: url + paths.token,
    device_authorization_endpoint: url + paths.device,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: [...new Set(keys.map((key) => key.alg))],
    code_challenge_methods_supported: ['S256'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_post', 'client_secret_basic'],
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
  };
}

function lastOf(keys: readonly SigningKey[]): SigningKey {
  const key = keys.at(-1);
  if (key === undefined) throw new TypeError('the issuer has no key');
  return key;
}
