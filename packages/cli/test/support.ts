// A relay and an issuer in this process, and an Io that remembers what was printed.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { Io } from '../src/io.ts';
import { run } from '../src/run.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A signed JWT of our issuer. Times in seconds. */
export function jwt(claims: object): string {
  const input = `${base64url({ alg: 'RS256', kid: 'k1', typ: 'JWT' })}.${base64url(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** One server that is both: relay at /, issuer at /issuer. Everything seen is recorded. */
export class FakeRelay {
  readonly server: Server = createServer((request, response) => void this.#serve(request, response));
  readonly seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  refreshes = 0;
  refreshError: string | undefined;
  lifeSeconds = 3600;
  clusters: object[] = [
    { name: 'demo', connected: true, links: 2, agents: 1, createdAt: '2026-01-02T03:04:05Z' },
  ];
  /** Answers what is under /clusters/. */
  kubernetes: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) =>
    json(response, 200, { gitVersion: 'v1.36.0' });
  nonce: string | undefined;
  challenge: string | undefined;
  polls = 0;

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    if (url.pathname.startsWith('/clusters/')) {
      this.seen.push({
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: '',
      });
      this.kubernetes(request, response);
      return;
    }
    const body = await bodyOf(request);
    this.seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    if (url.pathname.startsWith('/issuer')) this.#issuer(url, body, response);
    else this.#api(request, url, body, response);
  }

  #api(request: IncomingMessage, url: URL, body: string, response: ServerResponse): void {
    const route = `${request.method} ${url.pathname}`;
    if (route === 'GET /api/v1/login') {
      const issuer = {
        name: 'people',
        issuer: `${this.url}/issuer`,
        clientId: 'cli',
        scopes: ['openid', 'profile'],
      };
      json(response, 200, { issuers: [issuer], relay: { version: '0.1.0' } });
    } else if (!request.headers.authorization?.startsWith('Bearer ')) {
      const causes = [{ reason: 'ERR_UNAUTHENTICATED' }];
      json(response, 401, {
        kind: 'Status',
        reason: 'Unauthorized',
        message: 'no token',
        code: 401,
        details: { causes },
      });
    } else if (route === 'GET /api/v1/whoami') {
      json(response, 200, { user: 'alice@example.com', groups: ['dev'], issuer: 'people', admin: true });
    } else if (route === 'GET /api/v1/clusters') json(response, 200, { clusters: this.clusters });
    else if (route === 'POST /api/v1/clusters') {
      const { name } = JSON.parse(body) as { name: string };
      json(response, 201, {
        cluster: { name },
        joinToken: 'join-me',
        joinTokenExpiresAt: '2026-01-02T04:00:00Z',
      });
    } else if (route === 'DELETE /api/v1/clusters/demo') response.writeHead(204).end();
    else json(response, 404, { kind: 'Status', reason: 'NotFound', message: 'no such cluster', code: 404 });
  }

  #issuer(url: URL, body: string, response: ServerResponse): void {
    const issuer = `${this.url}/issuer`;
    const form = new URLSearchParams(body);
    switch (url.pathname) {
      case '/issuer/.well-known/openid-configuration':
        return json(response, 200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          device_authorization_endpoint: `${issuer}/device`,
          jwks_uri: `${issuer}/keys`,
          scopes_supported: ['openid', 'offline_access'],
          response_types_supported: ['code'],
          id_token_signing_alg_values_supported: ['RS256'],
        });
      case '/issuer/keys':
        return json(response, 200, {
          keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' }],
        });
      case '/issuer/device':
        return json(response, 200, {
          device_code: 'dc',
          user_code: 'ABCD-EFGH',
          verification_uri: `${issuer}/activate`,
          expires_in: 60,
          interval: 0.05,
        });
      case '/issuer/authorize': {
        this.nonce = url.searchParams.get('nonce') ?? undefined;
        this.challenge = url.searchParams.get('code_challenge') ?? undefined;
        const back = new URL(url.searchParams.get('redirect_uri') ?? '');
        back.searchParams.set('code', 'c0de');
        back.searchParams.set('state', url.searchParams.get('state') ?? '');
        response.writeHead(302, { location: back.href }).end();
        return;
      }
      case '/issuer/token':
        return this.#token(form, response);
      default:
        return json(response, 404, {});
    }
  }

  #token(form: URLSearchParams, response: ServerResponse): void {
    const grant = form.get('grant_type');
    if (grant?.endsWith('device_code')) {
      this.polls += 1;
      if (this.polls === 1) return json(response, 400, { error: 'authorization_pending' });
    }
    if (grant === 'refresh_token') {
      this.refreshes += 1;
      if (this.refreshError) return json(response, 400, { error: this.refreshError });
    }
    const now = Math.floor(Date.now() / 1000);
    const nonce = grant === 'authorization_code' && this.nonce ? { nonce: this.nonce } : {};
    const claims = {
      iss: `${this.url}/issuer`,
      aud: 'cli',
      sub: 'alice',
      iat: now,
      exp: now + this.lifeSeconds,
      ...nonce,
    };
    json(response, 200, {
      access_token: 'opaque',
      token_type: 'bearer',
      expires_in: this.lifeSeconds,
      refresh_token: `refresh-${this.refreshes}`,
      id_token: jwt({ ...claims, n: this.refreshes }),
    });
  }
}

export interface TestIo extends Io {
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** An Io whose home is `home`. `onNote` sees each line of stderr. */
export function testIo(home: string, more: Partial<Io> = {}, onNote?: (line: string) => void): TestIo {
  let stdout = '';
  let stderr = '';
  return {
    env: { HOME: home, FAIRLEAD_HOME: `${home}/fairlead`, ...more.env },
    out: (text) => {
      stdout += text;
    },
    note: (line) => {
      stderr += `${line}\n`;
      onNote?.(line);
    },
    readStdin: more.readStdin ?? (async () => ''),
    interactive: more.interactive ?? false,
    signal: more.signal ?? new AbortController().signal,
    executable: '/opt/fairlead/bin/fairlead',
    name: 'fairlead',
    nowMs: more.nowMs ?? Date.now,
    stdout: () => stdout,
    stderr: () => stderr,
  };
}

/** Runs one command line; resolves to what came of it. */
export async function cli(
  io: TestIo,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const code = await run(io, args);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}
