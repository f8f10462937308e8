/** The relay as a whole: its parts made and joined, started and stopped as one. */

import { X509Certificate } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { Access } from '@fairlead/access';
import { ConfigError } from '@fairlead/config';
import { LinkTable, openSqliteRegistry, type Registry } from '@fairlead/directory';
import { Authenticator } from '@fairlead/identity';
import { MemoryBudget, type Link } from '@fairlead/tunnel';
import fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { agentApi } from './agent-api.ts';
import { AgentLinks } from './agent-links.ts';
import { installErrors } from './api-error.ts';
import { ClusterRequests } from './cluster-requests.ts';
import type { RelayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { internalServer } from './internal-api.ts';
import { Metrics } from './metrics.ts';
import { publicServer } from './public-server.ts';
import { userApi } from './user-api.ts';

const VERSION = '0.1.0';
const BUDGET_BYTES = 1024 * 1024 * 1024;

export interface Relay {
  port: number;
  internalPort: number;
  registry: Registry;
  links: LinkTable<Link>;
  /** Whether an agent of the cluster has published its service account issuer. */
  knowsFacts(cluster: string): boolean;
  stop(): Promise<void>;
}

/** Throws ConfigError, IdentityError or DirectoryError with words for the operator; nothing is left open then. */
export async function startRelay(config: RelayConfig, log: Logger): Promise<Relay> {
  const registry = openSqliteRegistry(config.storage.file);
  try {
    return await assemble(config, registry, log);
  } catch (error) {
    registry.close();
    throw error;
  }
}

async function assemble(config: RelayConfig, registry: Registry, log: Logger): Promise<Relay> {
  const links = new LinkTable<Link>();
  const software = `fairlead-relay/${VERSION}`;
  const names = ownNames(config);
  const isOwnHost = (host: string): boolean => names(host, bound());
  const agents = new AgentLinks({
    registry,
    links,
    budget: new MemoryBudget(BUDGET_BYTES),
    software,
    isOwnHost,
    log,
  });
  const authenticator = new Authenticator({
    issuers: config.issuers,
    clusterKeys: (cluster) => agents.facts(cluster),
  });
  const access = new Access(config.access, config.admins);
  const gateway = new Gateway({ authenticator, access, registry, links, baseDomain: config.baseDomain });
  const all = (): Link[] => [...links.all()];
  const metrics = new Metrics({
    links: () => all().length,
    streams: () => all().reduce((sum, link) => sum + link.streams, 0),
    unreadBytes: () => all().reduce((sum, link) => sum + link.stats.unreadBytes, 0),
  });
  const clusters = new ClusterRequests({ gateway, ownHosts: config.hosts, log, metrics });
  const front = publicServer({ tls: config.tlsPem, gateway, clusters });
  const bound = (): number => (front.server.address() as AddressInfo | null)?.port ?? config.listen.port;

  const app: FastifyInstance = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    serverFactory: (handler) => {
      front.api = handler;
      return front.server;
    },
  });
  installErrors(app);
  await app.register(agentApi, { registry, links: agents, isOwnHost, upgrades: front.agentUpgrades });
  await app.register(userApi, {
    authenticator,
    access,
    registry,
    links,
    agents,
    issuers: config.issuers,
    joinTokenTtl: config.joinTokenTtl,
    version: VERSION,
  });
  await app.ready();

  let draining = false;
  const internal = internalServer(metrics, () => draining);
  await listen(internal, config.internal, 'internal');
  try {
    await listen(front.server, config.listen, 'listen');
  } catch (error) {
    internal.close();
    throw error;
  }
  return {
    port: bound(),
    internalPort: (internal.address() as AddressInfo).port,
    registry,
    links,
    knowsFacts: (cluster) => agents.facts(cluster) !== undefined,
    stop: async () => {
      draining = true;
      for (const link of all()) link.close('the relay stops');
      const publicClosed = closed(front.server);
      front.destroyConnections();
      await Promise.all([app.close(), publicClosed, closed(internal)]);
      registry.close();
    },
  };
}

/** Tells whether host[:port] is one of the relay's names: those configured, or those its certificate is for. */
function ownNames({ hosts, tlsPem, listen: at }: RelayConfig): (host: string, port: number) => boolean {
  const configured = new Set(hosts.map((host) => host.toLowerCase()));
  if (configured.size > 0)
    return (host) => configured.has(host) || configured.has(host.replace(/:[0-9]+$/, ''));
  const certificate = new X509Certificate(tlsPem.cert);
  return (host, port) => {
    const name = host.replace(/:[0-9]+$/, '').replace(/^\[|\]$/g, '');
    const ofPort = Number(/:([0-9]+)$/.exec(host)?.[1] ?? 443);
    // A port in front of ours (a load balancer's 443) is as good: the certificate's name is what counts.
    if (ofPort !== port && ofPort !== at.port && ofPort !== 443) return false;
    return certificate.checkHost(name) !== undefined || certificate.checkIP(name) !== undefined;
  };
}

/** Resolves once a server has stopped listening and none of its connections is left. */
function closed(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function listen(server: Server, at: { host: string; port: number }, key: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = {
        EADDRINUSE: 'is in use by another process; stop it or choose another port',
        EACCES: 'may not be used by this user; choose a port above 1023',
        EADDRNOTAVAIL: 'is no address of this machine',
      }[error.code ?? ''];
      const problem = `${at.host}:${at.port} ${why ?? `cannot be listened on: ${error.message}`}`;
      reject(new ConfigError('ERR_CONFIG_INVALID', [{ key: `${key}.port`, problem }], { cause: error }));
    });
    server.listen(at.port, at.host, resolve);
  });
}
