/** Starts what is measured: a stub API server, a plain Go proxy in front of it, and a relay with an agent. */

import { createSign, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCa, type Ca } from '@fairlead/testbed/certs';
import { freePorts } from '@fairlead/testbed/cluster/ports';
import { RelayApi } from './relay-api.ts';
import type { Driver, Path } from './driver.ts';
import type { Processes, Started } from './processes.ts';

const ISSUER = 'https://issuer.bench';
const AUDIENCE = 'fairlead';
const TOKEN_SECONDS = 3600;
const serviceMain = (name: string): string =>
  fileURLToPath(new URL(`../../services/${name}/src/main.ts`, import.meta.url));

export interface Upstream {
  /** Name of its cluster at the relay. */
  cluster: string;
  url: string;
  caFile: string;
  /** Token that may impersonate there. */
  tokenFile: string;
  roles: Record<string, number>;
}

export interface Paths {
  direct: Path;
  front: Path;
  ours: Path;
}

interface RunningRelay {
  started: Started;
  url: string;
  api: RelayApi;
  metricsUrl: string;
}

/** Everything of one run on disk and in processes; `close` removes both. */
export class Setup {
  readonly dir = mkdtempSync(join(tmpdir(), 'fairlead-bench-'));
  readonly #processes: Processes;
  readonly #driver: Driver;
  readonly #ca: Ca;
  readonly #issuerKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly #nodeArgs: (role: string) => string[];
  readonly caFile: string;
  readonly #tls: { cert: string; key: string };
  readonly #userToken: string;
  readonly #publicKey: string;
  #relay: RunningRelay | undefined;

  private constructor(
    processes: Processes,
    driver: Driver,
    ca: Ca,
    pair: { cert: string; key: string },
    nodeArgs: (role: string) => string[],
  ) {
    this.#processes = processes;
    this.#driver = driver;
    this.#ca = ca;
    this.#nodeArgs = nodeArgs;
    this.caFile = this.file('ca.crt', ca.cert);
    this.#tls = { cert: this.file('tls.crt', pair.cert), key: this.file('tls.key', pair.key) };
    this.#userToken = this.file('user-token', this.#mint('alice'));
    this.#publicKey = this.file(
      'issuer.pem',
      this.#issuerKeys.publicKey.export({ type: 'spki', format: 'pem' }) as string,
    );
  }

  /** `nodeArgs` are further arguments of Node for a role, to profile it. */
  static async create(
    processes: Processes,
    driver: Driver,
    nodeArgs: (role: string) => string[] = () => [],
  ): Promise<Setup> {
    const ca = await makeCa('fairlead bench CA');
    return new Setup(processes, driver, ca, await ca.issue({ commonName: 'bench' }), nodeArgs);
  }

  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  async stub(): Promise<Upstream> {
    const { pid, port } = await this.#driver.serve('stub', [
      `-cert=${this.#tls.cert}`,
      `-key=${this.#tls.key}`,
    ]);
    return {
      cluster: 'stub',
      url: `https://localhost:${port}`,
      caFile: this.caFile,
      tokenFile: this.file('agent-token', 'agent-own-token'),
      roles: { 'API server': pid },
    };
  }

  /** The three ways to one API server. */
  async paths(upstream: Upstream): Promise<Paths> {
    const front = await this.#front(upstream);
    const relay = await this.#startRelay();
    const agent = await this.#agent(upstream, relay);
    const common = { caFile: this.caFile, tokenFile: this.#userToken };
    return {
      direct: {
        name: 'direct',
        base: upstream.url,
        caFile: upstream.caFile,
        tokenFile: upstream.tokenFile,
        roles: upstream.roles,
      },
      front: {
        name: 'front',
        base: `https://localhost:${front.port}`,
        ...common,
        roles: { ...upstream.roles, front: front.pid },
      },
      ours: {
        name: 'ours',
        base: `${relay.url}/clusters/${upstream.cluster}`,
        ...common,
        roles: { ...upstream.roles, relay: relay.started.pid, agent: agent.pid },
        metricsUrl: relay.metricsUrl,
      },
    };
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #front(upstream: Upstream): Promise<{ pid: number; port: number }> {
    return this.#driver.serve('front', [
      `-cert=${this.#tls.cert}`,
      `-key=${this.#tls.key}`,
      `-ca=${upstream.caFile}`,
      `-upstream=${upstream.url}`,
      `-token-file=${upstream.tokenFile}`,
      `-public-key=${this.#publicKey}`,
      `-issuer=${ISSUER}`,
      `-audience=${AUDIENCE}`,
    ]);
  }

  async #startRelay(): Promise<RunningRelay> {
    if (this.#relay) return this.#relay;
    const [port, internal] = await freePorts(2);
    const jwk = {
      ...this.#issuerKeys.publicKey.export({ format: 'jwk' }),
      kid: 'k1',
      alg: 'RS256',
      use: 'sig',
    };
    const config = {
      listen: { host: '127.0.0.1', port },
      internal: { port: internal },
      tls: { certFile: this.#tls.cert, keyFile: this.#tls.key },
      hosts: ['localhost'],
      storage: { file: join(this.dir, 'relay.db') },
      issuers: [
        {
          name: 'bench',
          issuer: ISSUER,
          audience: AUDIENCE,
          jwksFile: this.file('jwks.json', JSON.stringify({ keys: [jwk] })),
        },
      ],
      access: ['stub', 'real'].map((cluster) => ({ cluster, users: ['alice'] })),
      admins: { users: ['admin'] },
      // The front that it is compared with writes no line a request either.
      logLevel: 'warn',
    };
    const started = this.#node('relay', this.file('relay.json', JSON.stringify(config)));
    const url = `https://localhost:${port}`;
    const api = new RelayApi(url, this.#ca.cert, this.#mint('admin'));
    this.#relay = { started, url, api, metricsUrl: `http://127.0.0.1:${internal}/metrics` };
    await api.up(started);
    return this.#relay;
  }

  async #agent(upstream: Upstream, relay: { url: string; api: RelayApi }): Promise<Started> {
    const name = upstream.cluster;
    const config = {
      relay: { url: relay.url, caFile: this.caFile },
      joinTokenFile: this.file(`join-${name}`, await relay.api.addCluster(name)),
      keyFile: join(this.dir, `${name}.key`),
      apiServer: { url: upstream.url, caFile: upstream.caFile, tokenFile: upstream.tokenFile },
      health: { port: 0 },
      logLevel: 'error',
    };
    const started = this.#node('agent', this.file(`agent-${name}.json`, JSON.stringify(config)));
    await relay.api.linked(name, 2, started);
    return started;
  }

  #node(role: 'relay' | 'agent', config: string): Started {
    return this.#processes.start(role, process.execPath, [
      ...this.#nodeArgs(role),
      serviceMain(role),
      '--config',
      config,
    ]);
  }

  #mint(user: string): string {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      iss: ISSUER,
      aud: AUDIENCE,
      sub: user,
      groups: ['developers'],
      iat: now,
      exp: now + TOKEN_SECONDS,
    };
    const input = `${part({ alg: 'RS256', kid: 'k1', typ: 'JWT' })}.${part(claims)}`;
    return `${input}.${createSign('RSA-SHA256').update(input).sign(this.#issuerKeys.privateKey, 'base64url')}`;
  }
}
