// Signs in at an OpenID Connect issuer and renews what it gave: device code (RFC 8628) or PKCE on loopback (RFC 8252).
import * as oidc from 'openid-client';
import { CliError, reasonOf } from '../errors.ts';
import { httpClient } from '../http.ts';
import type { HttpClient } from '../http.ts';
import type { Io } from '../io.ts';
import { tokenTimes } from './jwt.ts';
import { receiveCode } from './loopback.ts';
import type { Session } from './store.ts';

export type LoginIssuer = NonNullable<Session['issuer']>;

export interface LoginOptions {
  relay: string;
  ca?: string | undefined;
  issuer: LoginIssuer;
  device: boolean;
  openBrowser: boolean;
}

async function discover(http: HttpClient, issuer: LoginIssuer): Promise<oidc.Configuration> {
  const url = new URL(issuer.issuer);
  const loopback = url.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  const execute = loopback ? [oidc.allowInsecureRequests] : [];
  const customFetch = http.fetch as unknown as oidc.CustomFetch;
  try {
    const config = await oidc.discovery(url, issuer.clientId, undefined, oidc.None(), {
      execute,
      [oidc.customFetch]: customFetch,
    });
    config.timeout = 20;
    return config;
  } catch (error) {
    const message = `issuer ${issuer.issuer} cannot be used: ${reasonOf(error)}`;
    throw new CliError('ERR_CLI_LOGIN_FAILED', message, { cause: error });
  }
}

/** A new session. Throws CliError ERR_CLI_LOGIN_FAILED, ERR_CLI_INTERRUPTED. */
export async function signIn(io: Io, options: LoginOptions): Promise<Session> {
  await using http = httpClient(options.ca);
  const config = await discover(http, options.issuer);
  const scopes = new Set(['openid', ...options.issuer.scopes]);
  if (config.serverMetadata().scopes_supported?.includes('offline_access')) scopes.add('offline_access');
  const scope = [...scopes].join(' ');
  const server = config.serverMetadata();
  const device = options.device || server.authorization_endpoint === undefined;
  try {
    const tokens = device
      ? await byDevice(io, config, scope)
      : await byBrowser(io, config, scope, options.openBrowser);
    return sessionOf(
      io,
      { version: 1, relay: options.relay, ca: options.ca, issuer: options.issuer, issuedAtMs: 0 },
      tokens,
    );
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (io.signal.aborted) throw new CliError('ERR_CLI_INTERRUPTED', 'interrupted', { cause: error });
    throw new CliError('ERR_CLI_LOGIN_FAILED', `sign-in failed: ${explain(error)}`, { cause: error });
  }
}

async function byDevice(
  io: Io,
  config: oidc.Configuration,
  scope: string,
): Promise<oidc.TokenEndpointResponse> {
  const started = await oidc.initiateDeviceAuthorization(config, { scope });
  io.note(`To sign in, open ${started.verification_uri} and enter the code ${started.user_code}`);
  if (started.verification_uri_complete) io.note(`or open ${started.verification_uri_complete}`);
  return oidc.pollDeviceAuthorizationGrant(config, started, undefined, { signal: io.signal });
}

async function byBrowser(
  io: Io,
  config: oidc.Configuration,
  scope: string,
  openBrowser: boolean,
): Promise<oidc.TokenEndpointResponse> {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const expectedNonce = oidc.randomNonce();
  const challenge = await oidc.calculatePKCECodeChallenge(pkceCodeVerifier);
  // Entra allows any port for http://localhost but not for http://127.0.0.1; RFC 8252 section 8.3 prefers the address.
  const entra = new URL(config.serverMetadata().issuer).hostname.endsWith('.microsoftonline.com');
  const host = entra ? 'localhost' : '127.0.0.1';
  const answer = await receiveCode(io, host, expectedState, openBrowser, (redirectUri) =>
    oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: expectedState,
      nonce: expectedNonce,
    }),
  );
  return oidc.authorizationCodeGrant(config, answer, { pkceCodeVerifier, expectedState, expectedNonce });
}

/** The session renewed; undefined if the issuer refuses for good. Throws CliError ERR_CLI_LOGIN_FAILED when it cannot be asked. */
export async function refresh(io: Io, session: Session): Promise<Session | undefined> {
  if (!session.issuer || !session.refreshToken) return undefined;
  await using http = httpClient(session.ca);
  const config = await discover(http, session.issuer);
  try {
    return sessionOf(io, session, await oidc.refreshTokenGrant(config, session.refreshToken));
  } catch (error) {
    if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') return undefined;
    if (error instanceof CliError) throw error;
    const message = `issuer ${session.issuer.issuer} did not renew the session: ${explain(error)}`;
    throw new CliError('ERR_CLI_LOGIN_FAILED', message, { cause: error });
  }
}

/** Ends the refresh token at the issuer, if it can; false if it could not. */
export async function revoke(session: Session): Promise<boolean> {
  if (!session.issuer || !session.refreshToken) return true;
  await using http = httpClient(session.ca);
  try {
    const config = await discover(http, session.issuer);
    if (config.serverMetadata().revocation_endpoint === undefined) return true;
    await oidc.tokenRevocation(config, session.refreshToken, { token_type_hint: 'refresh_token' });
    return true;
  } catch {
    return false;
  }
}

function sessionOf(io: Io, base: Session, tokens: oidc.TokenEndpointResponse): Session {
  const token = tokens.id_token ?? tokens.access_token;
  const times = tokenTimes(token);
  const issuedAtMs = io.nowMs();
  const life = tokens.expires_in === undefined ? undefined : issuedAtMs + tokens.expires_in * 1000;
  return {
    ...base,
    token,
    refreshToken: tokens.refresh_token ?? base.refreshToken,
    issuedAtMs,
    expiresAtMs: times.expiresAtMs ?? life,
  };
}

function explain(error: unknown): string {
  if (error instanceof oidc.ResponseBodyError || error instanceof oidc.AuthorizationResponseError) {
    return error.error_description ? `${error.error}: ${error.error_description}` : error.error;
  }
  return reasonOf(error);
}
