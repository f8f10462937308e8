/** The OAuth 2.0 flows of the double: device code, authorization code with PKCE, refresh, client credentials. */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { ExpiringMap } from './expiring-map.ts';
import { type Ask, json, type Reply } from './http.ts';
import { codePage, page, pickPage } from './pages.ts';
import type { Person } from './people.ts';
import type { Realm } from './tokens.ts';

interface Grant {
  realm: Realm;
  clientId: string;
  scope: string;
  nonce?: string;
}
interface DeviceGrant extends Grant {
  deviceCode: string;
  person?: Person;
  denied?: boolean;
}
interface CodeGrant extends Grant {
  person: Person;
  redirectUri: string;
  challenge: string;
}
export interface FlowsOptions {
  url: () => string;
  people: ReadonlyMap<string, Person>;
  /** Public clients. */
  clients: ReadonlySet<string>;
  now: () => number;
  /** Seconds a device waits between two polls. */
  intervalSeconds: number;
  lifetimeSeconds: number;
  /** Signs the ID token (audience = the client) or the access token. */
  token: (person: Person, use: 'id' | 'access', grant: Grant) => Promise<string>;
}

const CODE_LIFETIME_MS = 900_000;
const REFRESH_LIFETIME_MS = 24 * 3_600_000;
const USER_CODE_LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';

export class Flows {
  readonly #options: FlowsOptions;
  readonly #devices: ExpiringMap<DeviceGrant>;
  readonly #userCodes: ExpiringMap<DeviceGrant>;
  readonly #codes: ExpiringMap<CodeGrant>;
  readonly #refresh: ExpiringMap<Grant & { person: Person }>;

  constructor(options: FlowsOptions) {
    this.#options = options;
    this.#devices = new ExpiringMap(1_000, options.now);
    this.#userCodes = new ExpiringMap(1_000, options.now);
    this.#codes = new ExpiringMap(1_000, options.now);
    this.#refresh = new ExpiringMap(10_000, options.now);
  }

  /** RFC 8628 section 3.1. */
  device(ask: Ask, realm: Realm): Reply {
    const clientId = ask.form.get('client_id') ?? ask.basic?.id ?? '';
    if (!this.#options.clients.has(clientId)) return oauthError('invalid_client', 401);
    const letters = Array.from(
      { length: 8 },
      () => USER_CODE_LETTERS[randomInt(USER_CODE_LETTERS.length)],
    ).join('');
    const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`;
    const grant = { realm, clientId, scope: ask.form.get('scope') ?? '', deviceCode: secret() };
    this.#devices.set(grant.deviceCode, grant, CODE_LIFETIME_MS);
    this.#userCodes.set(userCode, grant, CODE_LIFETIME_MS);
    const verification = `${this.#options.url()}/device`;
    return json({
      device_code: grant.deviceCode,
      user_code: userCode,
      verification_uri: verification,
      verification_uri_complete: `${verification}?user_code=${userCode}`,
      expires_in: CODE_LIFETIME_MS / 1000,
      interval: this.#options.intervalSeconds,
      message: `To sign in, open ${verification} and enter the code ${userCode}.`,
    });
  }

  /** The page on which a person takes a device in; POST {user_code, person} or {user_code, deny}. */
  devicePage(ask: Ask): Reply {
    const userCode = (ask.form.get('user_code') ?? ask.query.get('user_code') ?? '').toUpperCase().trim();
    if (userCode === '') return codePage();
    if (ask.method !== 'POST') {
      if (this.#userCodes.get(userCode) === undefined) return page('This code is not known', '', 404);
      return pickPage(
        '/device',
        `Sign in the device with code ${userCode}`,
        this.#options.people,
        new URLSearchParams({ user_code: userCode }),
      );
    }
    const person = ask.form.has('deny') ? undefined : ask.form.get('person');
    return this.approve(userCode, person ?? undefined)
      ? page(person === undefined ? 'Refused' : 'Signed in', '<p>You may close this page.</p>')
      : page('This code or person is not known', '', 404);
  }

  /** What the page does; without a person the device is refused. False if code or person is unknown. */
  approve(userCode: string, key: string | undefined): boolean {
    const person = key === undefined ? undefined : this.#options.people.get(key);
    if (key !== undefined && (person === undefined || person.app !== undefined)) return false;
    const grant = this.#userCodes.take(userCode);
    if (grant === undefined) return false;
    if (person === undefined) grant.denied = true;
    else grant.person = person;
    return true;
  }

  /** GET shows the people, POST with `person` goes back to the client with a code (RFC 6749 4.1, RFC 7636). */
  authorize(ask: Ask, realm: Realm): Reply {
    const params = ask.method === 'POST' ? ask.form : ask.query;
    const redirectUri = params.get('redirect_uri') ?? '';
    const clientId = params.get('client_id') ?? '';
    if (!this.#options.clients.has(clientId) || !isLoopbackRedirect(redirectUri)) {
      return page('Unknown client or redirect address', '', 400);
    }
    const challenge = params.get('code_challenge') ?? '';
    if (
      params.get('response_type') !== 'code' ||
      params.get('code_challenge_method') !== 'S256' ||
      challenge === ''
    ) {
      return back(redirectUri, params, { error: 'invalid_request' });
    }
    const person = this.#options.people.get(params.get('person') ?? '');
    if (ask.method !== 'POST' || person === undefined || person.app !== undefined) {
      return pickPage(ask.path, 'Sign in', this.#options.people, params);
    }
    const code = secret();
    const nonce = params.get('nonce');
    const scope = params.get('scope') ?? '';
    const grant = {
      realm,
      clientId,
      scope,
      person,
      redirectUri,
      challenge,
      ...(nonce === null ? {} : { nonce }),
    };
    this.#codes.set(code, grant, 60_000);
    return back(redirectUri, params, { code });
  }

  async token(ask: Ask, realm: Realm): Promise<Reply> {
    const { form } = ask;
    const clientId = form.get('client_id') ?? ask.basic?.id ?? '';
    const grantType = form.get('grant_type');
    if (grantType === 'client_credentials') return this.#clientCredentials(ask, clientId, realm);
    if (!this.#options.clients.has(clientId)) return oauthError('invalid_client', 401);
    if (grantType === 'urn:ietf:params:oauth:grant-type:device_code') {
      const grant = this.#devices.get(form.get('device_code') ?? '');
      if (grant === undefined || grant.clientId !== clientId || grant.realm !== realm)
        return oauthError('expired_token');
      if (grant.denied !== true && grant.person === undefined) return oauthError('authorization_pending');
      this.#devices.take(grant.deviceCode);
      return grant.person === undefined ? oauthError('access_denied') : this.#answer(grant, grant.person);
    }
    if (grantType === 'authorization_code') {
      const grant = this.#codes.take(form.get('code') ?? '');
      const verifier = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (grant === undefined || grant.clientId !== clientId || grant.realm !== realm)
        return oauthError('invalid_grant');
      if (grant.redirectUri !== form.get('redirect_uri') || grant.challenge !== verifier)
        return oauthError('invalid_grant');
      return this.#answer(grant, grant.person);
    }
    if (grantType === 'refresh_token') {
      const grant = this.#refresh.take(form.get('refresh_token') ?? ''); // rotated at each use
      if (grant === undefined || grant.clientId !== clientId || grant.realm !== realm)
        return oauthError('invalid_grant');
      return this.#answer(grant, grant.person);
    }
    return oauthError('unsupported_grant_type');
  }

  async #clientCredentials(ask: Ask, clientId: string, realm: Realm): Promise<Reply> {
    const given = ask.form.get('client_secret') ?? ask.basic?.secret;
    const person = [...this.#options.people.values()].find(({ app }) => app?.clientId === clientId);
    if (person === undefined || given === undefined || person.app?.secret !== given)
      return oauthError('invalid_client', 401);
    const grant = { realm, clientId, scope: ask.form.get('scope') ?? '' };
    return json({
      token_type: 'Bearer',
      expires_in: this.#options.lifetimeSeconds,
      access_token: await this.#options.token(person, 'access', grant),
    });
  }

  async #answer(grant: Grant, person: Person): Promise<Reply> {
    const scopes = grant.scope.split(' ');
    const refreshToken = secret();
    if (scopes.includes('offline_access')) {
      const { realm, clientId, scope } = grant;
      this.#refresh.set(refreshToken, { realm, clientId, scope, person }, REFRESH_LIFETIME_MS);
    }
    return json({
      token_type: 'Bearer',
      expires_in: this.#options.lifetimeSeconds,
      scope: grant.scope,
      access_token: await this.#options.token(person, 'access', grant),
      ...(scopes.includes('openid') ? { id_token: await this.#options.token(person, 'id', grant) } : {}),
      ...(scopes.includes('offline_access') ? { refresh_token: refreshToken } : {}),
    });
  }
}

function oauthError(error: string, status = 400): Reply {
  return json({ error, error_description: error.replaceAll('_', ' ') }, status);
}

function back(redirectUri: string, params: URLSearchParams, answer: Record<string, string>): Reply {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries(answer)) url.searchParams.set(name, value);
  const state = params.get('state');
  if (state !== null) url.searchParams.set('state', state);
  return { status: 302, headers: { location: url.href, 'cache-control': 'no-store' } };
}

/** RFC 8252 section 7.3: a native client listens on loopback, on any port. */
function isLoopbackRedirect(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}
