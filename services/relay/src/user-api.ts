/** `/api/v1`: sign-in options, who am I, and clusters (list for all, add and remove for administrators). */

import type { Access } from '@fairlead/access';
import { parseDuration } from '@fairlead/config';
import { DirectoryError, type LinkTable, type Registry } from '@fairlead/directory';
import { loginOptions, type Authenticator, type IssuerConfig, type Principal } from '@fairlead/identity';
import { refuse } from '@fairlead/kube';
import type { Link } from '@fairlead/tunnel';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { AgentLinks } from './agent-links.ts';
import { ApiError } from './api-error.ts';
import { authenticate } from './authenticate.ts';

export interface UserApiOptions {
  authenticator: Authenticator;
  access: Access;
  registry: Registry;
  links: LinkTable<Link>;
  agents: AgentLinks;
  issuers: IssuerConfig[];
  joinTokenTtl: string;
  version: string;
}

const Cluster = Type.Object({
  name: Type.String(),
  connected: Type.Boolean(),
  links: Type.Integer(),
  agents: Type.Integer(),
  createdAt: Type.String(),
});

export async function userApi(app: FastifyInstance, options: UserApiOptions): Promise<void> {
  const { access, registry, links } = options;
  const caller = async (request: FastifyRequest): Promise<Principal> =>
    (await authenticate(options.authenticator, request.raw.rawHeaders, undefined)).principal;
  const admin = async (request: FastifyRequest): Promise<void> => {
    const principal = await caller(request);
    if (!access.isAdmin(principal)) {
      throw new ApiError(
        403,
        'ERR_API_ADMIN',
        `user "${principal.user}" does not administer this relay; admins are set in its configuration`,
      );
    }
  };
  const view = (name: string, createdAtMs: number) => ({
    name,
    connected: links.pick(name) !== undefined,
    links: links.count(name),
    agents: new Set(links.of(name).map((link) => link.peer.software)).size,
    createdAt: new Date(createdAtMs).toISOString(),
  });

  app.get('/api/v1/login', () => ({
    issuers: options.issuers.flatMap((issuer) => loginOptions(issuer) ?? []),
    relay: { version: options.version },
  }));
  app.get('/api/v1/whoami', async (request) => {
    const principal = await caller(request);
    const { user, groups, issuer } = principal;
    return { user, groups, issuer, admin: access.isAdmin(principal) };
  });
  app.get(
    '/api/v1/clusters',
    { schema: { response: { 200: Type.Object({ clusters: Type.Array(Cluster) }) } } },
    async (request) => {
      const principal = await caller(request);
      const all = registry.listClusters();
      const mine = new Set(
        access.isAdmin(principal)
          ? all.map(({ name }) => name)
          : access.clustersOf(
              principal,
              all.map(({ name }) => name),
            ),
      );
      return {
        clusters: all
          .filter(({ name }) => mine.has(name))
          .map(({ name, createdAtMs }) => view(name, createdAtMs)),
      };
    },
  );
  app.post<{ Body: { name: string } }>(
    '/api/v1/clusters',
    {
      schema: {
        body: Type.Object({ name: Type.String({ maxLength: 63 }) }, { additionalProperties: false }),
      },
    },
    async (request, reply) => {
      await admin(request);
      const { name } = asConflict(() => registry.addCluster(request.body.name));
      const join = registry.createJoinToken(name, parseDuration(options.joinTokenTtl));
      return reply.code(201).send({
        cluster: { name },
        joinToken: join.token,
        joinTokenExpiresAt: new Date(join.expiresAtMs).toISOString(),
      });
    },
  );
  app.delete<{ Params: { name: string } }>('/api/v1/clusters/:name', async (request, reply) => {
    await admin(request);
    asConflict(() => registry.removeCluster(request.params.name));
    options.agents.forget(request.params.name, 'the cluster was removed from the relay');
    return reply.code(204).send();
  });
}

function asConflict<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw refuse('ERR_INTERNAL', {}, { cause: error });
    const status = {
      ERR_DIRECTORY_CLUSTER_EXISTS: 409,
      ERR_DIRECTORY_CLUSTER_UNKNOWN: 404,
      ERR_DIRECTORY_CLUSTER_NAME: 400,
    };
    throw new ApiError(status[error.code as keyof typeof status] ?? 500, error.code, error.message);
  }
}
