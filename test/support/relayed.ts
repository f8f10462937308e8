/** A relay and an agent in this process in front of a header-echo API server, for tests of what passes and what does not. */

import { createSign, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { loadAgentConfig, startAgent, type Agent } from '@fairlead/agent';
import { loadRelayConfig, startRelay, type Relay } from '@fairlead/relay';
import { makeCa } from '@fairlead/testbed/certs';
import { startEchoApiServer, type EchoApiServer } from '@fairlead/testbed/echo-api-server';
import { pino } from 'pino';

export const ISSUER = 'https://issuer.test';
export const AUDIENCE = 'fairlead';
export const AGENT_TOKEN = 'agent-own-token';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** A JWT of the test's issuer; claims as given over good defaults. */
export function mint(claims: Record<string, unknown> = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: now, exp: now + 600, ...claims };
  const input = `${part({ alg: 'RS256', kid: 'k1', typ: 'JWT' })}.${part(payload)}`;
  return `${input}.${createSign('RSA-SHA256').update(input).sign(privateKey, 'base64url')}`;
}

export interface Relayed extends AsyncDisposable {
  relay: Relay;
  agent: Agent;
  api: EchoApiServer;
  ca: string;
  dir: string;
  /** Stops the agent and starts it again from the same key. */
  restartAgent(): Promise<void>;
  /** One request through the relay to cluster `demo`, as alice unless told otherwise. */
  request(path: string, options?: RequestOptions): Promise<Answer>;
  /** A raw TLS connection to the relay, for requests that no client library would send. */
  raw(): Promise<TLSSocket>;
}

export interface RequestOptions {
  method?: string;
  token?: string | null;
  /** Raw list: name, value, name, value. */
  headers?: string[];
  body?: Buffer | string;
  /** The path as given, not under /clusters/demo. */
  absolute?: boolean;
}

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
  json: Record<string, unknown>;
}

/** Starts all three on free ports; resolves when the agent's links are up. */
export async function startRelayed(
  options: { access?: object[]; apiServerUrl?: string; relayConfig?: object } = {},
): Promise<Relayed> {
  const dir = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
  const ca = await makeCa();
  const tls = await ca.issue({ commonName: 'test' });
  const api = await startEchoApiServer({ tls });
  const file = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const caFile = file('ca.crt', ca.cert);
  const config = {
    listen: { host: '127.0.0.1', port: 0 },
    internal: { port: 0 },
    tls: { certFile: file('tls.crt', tls.cert), keyFile: file('tls.key', tls.key) },
    hosts: ['localhost', '127.0.0.1'],
    storage: { file: join(dir, 'relay.db') },
    issuers: [
      {
        name: 'test',
        issuer: ISSUER,
        audience: AUDIENCE,
        jwksFile: file(
          'jwks.json',
          JSON.stringify({
            keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' }],
          }),
        ),
      },
    ],
    access: options.access ?? [{ cluster: 'demo', users: ['alice', 'bob'] }],
    admins: { users: ['admin'] },
    ...options.relayConfig,
  };
  const log = pino({ level: 'silent' });
  const relay = await startRelay(
    loadRelayConfig({ file: file('relay.json', JSON.stringify(config)), env: {} }),
    log,
  );
  relay.registry.addCluster('demo');
  const { token } = relay.registry.createJoinToken('demo', 60_000);
  const agentFile = file(
    'agent.json',
    JSON.stringify({
      relay: { url: `https://localhost:${relay.port}`, caFile },
      joinTokenFile: file('join-token', token),
      keyFile: join(dir, 'agent.key'),
      apiServer: {
        url: options.apiServerUrl ?? api.url.replace('127.0.0.1', 'localhost'),
        caFile,
        tokenFile: file('token', AGENT_TOKEN),
      },
      health: { port: 0 },
      responseTimeout: '2s',
    }),
  );
  const start = (): Promise<Agent> =>
    startAgent(loadAgentConfig({ file: agentFile, env: {} }), log, (error) => {
      throw error;
    });
  let agent = await start();
  await linksUp(relay);
  const self: Relayed = {
    relay,
    api,
    ca: ca.cert,
    dir,
    get agent() {
      return agent;
    },
    restartAgent: async () => {
      await agent.stop('restart');
      while (relay.links.count('demo') > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      agent = await start();
      await linksUp(relay);
    },
    request: (path, given = {}) => send(relay.port, ca.cert, path, given),
    raw: () => rawConnection(relay.port, ca.cert),
    [Symbol.asyncDispose]: async () => {
      await agent.stop('test ends');
      await relay.stop();
      await api.close();
      rmSync(dir, { recursive: true });
    },
  };
  return self;
}

async function linksUp(relay: Relay): Promise<void> {
  while (relay.links.count('demo') < 2) await new Promise((resolve) => setTimeout(resolve, 5));
}

function send(port: number, ca: string, path: string, options: RequestOptions): Promise<Answer> {
  const headers = ['Host', `localhost:${port}`, ...(options.headers ?? [])];
  const token = options.token === undefined ? mint() : options.token;
  if (token !== null) headers.push('Authorization', `Bearer ${token}`);
  const body = options.body === undefined ? undefined : Buffer.from(options.body);
  if (body) headers.push('Content-Length', String(body.length));
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host: 'localhost',
        port,
        ca,
        method: options.method ?? 'GET',
        path: options.absolute ? path : `/clusters/demo${path}`,
        headers,
        agent: false,
        maxHeaderSize: 128 * 1024,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: text,
            get json() {
              return JSON.parse(text) as Record<string, unknown>;
            },
          });
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

function rawConnection(port: number, ca: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const target: ConnectionOptions = { host: 'localhost', port, ca, servername: 'localhost' };
    const socket = connect({ ...target, allowHalfOpen: true } as ConnectionOptions, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Everything a socket sends until `done` says so or it ends. */
export function readUntil(socket: TLSSocket, done: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (done(text)) finish();
    };
    const finish = (): void => {
      socket.off('data', onData);
      socket.off('close', finish);
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('end', finish);
    socket.once('close', finish);
    socket.once('error', reject);
  });
}
