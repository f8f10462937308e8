/** The whole of Fairlead on a real control plane, and the same kubectl run twice: straight to it and through the relay. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectlOk, seedWorkloads, startCluster, type RealCluster } from '@fairlead/testbed/cluster/index';
import { Service } from '@fairlead/testbed/demo/service';
import { CLUSTER, raise, type Stage } from '@fairlead/testbed/demo/stage';
import { DEMO_PEOPLE } from '@fairlead/testbed/issuer/index';

/** One way to the API server. */
export interface Side {
  name: 'direct' | 'relayed';
  kubeconfig: string;
}

export interface EndToEnd extends AsyncDisposable {
  cluster: RealCluster;
  stage: Stage;
  direct: Side;
  relayed: Side;
  /** Alice's token, cluster-admin in the cluster. */
  token: string;
  dir: string;
  /** Ends the agent at once, as the kernel does when memory is out, and resolves when it is gone. */
  killAgent(): Promise<void>;
  /** The agent again, from the same configuration and key; resolves when it is ready. */
  startAgent(): Promise<void>;
}

const ALICE = DEMO_PEOPLE.alice.upn;

/** Starts everything. With it come both kubeconfigs, of the same rights: cluster-admin, bound to alice. */
export async function startEndToEnd(options: { workloads?: boolean } = {}): Promise<EndToEnd> {
  const dir = mkdtempSync(join(tmpdir(), 'fairlead-e2e-'));
  const undo: (() => Promise<void>)[] = [async () => rmSync(dir, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  const quiet = (): void => undefined;
  try {
    const cluster = await startCluster({ stateDir: dir, log: quiet });
    undo.push(() => cluster.stop());
    if (options.workloads === true) await seedWorkloads(cluster);
    const demo = {
      check: true,
      state: join(dir, 'demo'),
      agents: 1,
      kubeconfig: cluster.kubeconfig,
      context: undefined,
    };
    const stage = await raise(demo, quiet);
    undo.push(() => stage.stop());
    await stage.addAgent(await addCluster(stage));
    const bind = ['create', 'clusterrolebinding', 'alice', '--clusterrole=cluster-admin', `--user=${ALICE}`];
    await kubectlOk(cluster.kubeconfig, bind);
    const token = await stage.issuer.mint('alice');
    const relayed = side(dir, 'relayed', { server: relayedUrl(stage), caFile: stage.caFile, token });
    const direct = side(dir, 'direct', await directAccess(cluster, relayed));
    let again: Service | undefined;
    undo.push(async () => again?.stop());
    return {
      cluster,
      stage,
      direct,
      relayed,
      token,
      dir,
      killAgent: () => killed(again?.pid ?? stage.agents[0]?.pid ?? 0),
      startAgent: async () => {
        const { config, readyUrl } = agentAgain(stage);
        again = new Service('agent-1', 'agent', config, stage.dir);
        await again.ready(readyUrl);
      },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The first agent's configuration as the stage wrote it. */
function agentAgain(stage: Stage): { config: object; readyUrl: string } {
  const file = (name: string): string => join(stage.dir, name);
  const port = Number(/^health:\n +port: (\d+)$/m.exec(readFileSync(file('agent-1.yaml'), 'utf8'))?.[1]);
  const config = {
    relay: { url: stage.relayUrl, caFile: stage.caFile },
    joinTokenFile: file('agent-1.join-token'),
    keyFile: file('agent-1.key'),
    apiServer: { url: stage.target.url, caFile: stage.target.caFile, tokenFile: file('agent.token') },
    health: { port },
  };
  return { config, readyUrl: `http://127.0.0.1:${port}/readyz` };
}

/** Base URL of the cluster at the relay. */
export function relayedUrl(stage: Stage): string {
  return `${stage.relayUrl}/clusters/${CLUSTER}`;
}

/** Adds the cluster as the administrator; the agent's join token. */
async function addCluster(stage: Stage): Promise<string> {
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({ connect: { ca: readFileSync(stage.caFile) } });
  const { statusCode, body } = await request(`${stage.relayUrl}/api/v1/clusters`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await stage.issuer.mint('admin')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: CLUSTER }),
    dispatcher,
  });
  const answer = (await body.json()) as { joinToken?: string };
  await dispatcher.close();
  if (answer.joinToken === undefined) throw new Error(`adding the cluster gave ${statusCode}`);
  return answer.joinToken;
}

interface Access {
  server: string;
  caFile: string;
  token?: string;
  user?: object;
}

interface Review {
  status: { userInfo: { username: string; groups: string[]; extra?: Record<string, string[]> } };
}

/**
 * Straight to the API server as the administrator's certificate, but as the very user that the API server sees behind
 * the relay: otherwise messages that name the user would differ, and so would rights.
 */
async function directAccess(cluster: RealCluster, relayed: Side): Promise<Access> {
  const { stdout } = await kubectlOk(relayed.kubeconfig, ['auth', 'whoami', '-o', 'json']);
  const { userInfo } = (JSON.parse(stdout) as Review).status;
  const view = ['config', 'view', '--raw', '--flatten', '-o', 'json'];
  const admin = JSON.parse((await kubectlOk(cluster.kubeconfig, view)).stdout) as {
    users: { user: object }[];
  };
  const user = {
    ...admin.users[0]?.user,
    as: userInfo.username,
    'as-groups': userInfo.groups,
    ...(userInfo.extra === undefined ? {} : { 'as-user-extra': userInfo.extra }),
  };
  return { server: cluster.url, caFile: cluster.caFile, user };
}

/** Each side has its own directory, as kubectl keeps its cache beside its kubeconfig. */
function side(dir: string, name: Side['name'], access: Access): Side {
  const own = join(dir, name);
  mkdirSync(own);
  const tokenFile = join(own, 'token');
  if (access.token !== undefined) writeFileSync(tokenFile, access.token, { mode: 0o600 });
  const kubeconfig = join(own, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: access.server, 'certificate-authority': access.caFile } }],
    users: [{ name, user: access.user ?? { tokenFile } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  return { name, kubeconfig };
}

async function killed(pid: number): Promise<void> {
  if (pid === 0) throw new Error('there is no agent to kill');
  process.kill(pid, 'SIGKILL');
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
