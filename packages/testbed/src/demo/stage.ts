/** All that the demo needs, up and joined: control plane, issuer, relay, agents; and all of it down again. */

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeCa } from '../certs.ts';
import {
  buildTestbed,
  kubectl,
  seedWorkloads,
  serviceAccountToken,
  startCluster,
  type RealCluster,
} from '../cluster/index.ts';
import { DEMO_CLIENT_ID, DEMO_TENANT, startIssuer, type IssuerDouble } from '../issuer/index.ts';
import type { DemoOptions } from './options.ts';
import { Service } from './service.ts';

export const CLUSTER = 'demo';

/** A cluster as the demo needs it, started or borrowed. */
export interface Target {
  url: string;
  caFile: string;
  /** Cluster-admin, straight to the API server. */
  kubeconfig: string;
  pid: number;
  stop(): Promise<void>;
}

export interface Stage {
  dir: string;
  /** Directory of the kubectl of the testbed. */
  kubectlDir: string;
  caFile: string;
  target: Target;
  issuer: IssuerDouble;
  relay: Service;
  relayUrl: string;
  adminUrl: string;
  agents: Service[];
  /** Starts one more agent for the cluster from a join token. */
  addAgent(joinToken: string): Promise<Service>;
  stop(): Promise<void>;
}

/** Tells what is being done; one line each. */
export type Say = (line: string) => void;

/** Stops again what it had started when it fails. */
export async function raise(options: DemoOptions, say: Say): Promise<Stage> {
  const dir = options.state ?? mkdtempSync(join(tmpdir(), 'fairlead-demo-'));
  mkdirSync(dir, { recursive: true });
  clear(dir);
  const undo: (() => Promise<void>)[] = [];
  if (options.state === undefined) undo.push(async () => rmSync(dir, { recursive: true, force: true }));
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const kubectlDir = dirname((await buildTestbed({ log: say })).kubectl);
    const target =
      options.kubeconfig === undefined
        ? await newCluster(dir, say)
        : await borrowed(options.kubeconfig, options.context, dir);
    undo.push(() => target.stop());
    const ca = await makeCa('fairlead demo CA');
    const caFile = join(dir, 'ca.crt');
    writeFileSync(caFile, ca.cert);
    const tls = await ca.issue({ commonName: 'fairlead demo' });
    writeFileSync(join(dir, 'tls.crt'), tls.cert);
    writeFileSync(join(dir, 'tls.key'), tls.key, { mode: 0o600 });

    say('starting an Entra-like issuer with alice, bob, mallory and admin in it');
    const issuer = await startIssuer({ tls, port: options.check ? 0 : await freeOr(9000) });
    undo.push(() => issuer.close());

    say('starting the relay, on embedded storage');
    const port = await freeOr(8443);
    const internalPort = await freeOr(9443);
    const relay = new Service('relay', 'relay', relayConfig(dir, caFile, issuer, port, internalPort), dir);
    undo.push(() => relay.stop());
    await relay.ready(`http://127.0.0.1:${internalPort}/readyz`);

    const token = await agentAccount(target, dir);
    const agents: Service[] = [];
    const stage: Stage = {
      dir,
      kubectlDir,
      caFile,
      target,
      issuer,
      relay,
      relayUrl: `https://127.0.0.1:${port}`,
      adminUrl: `http://127.0.0.1:${internalPort}`,
      agents,
      stop,
      addAgent: async (joinToken) => {
        const name = `agent-${agents.length + 1}`;
        const joinTokenFile = join(dir, `${name}.join-token`);
        writeFileSync(joinTokenFile, joinToken, { mode: 0o600 });
        // A join token makes one key; further replicas of the agent share it, as they share its Secret in a cluster.
        if (agents.length > 0) copyFileSync(join(dir, 'agent-1.key'), join(dir, `${name}.key`));
        const health = await freeOr(9444 + agents.length);
        const agent = new Service(
          name,
          'agent',
          {
            relay: { url: stage.relayUrl, caFile },
            joinTokenFile,
            keyFile: join(dir, `${name}.key`),
            apiServer: { url: target.url, caFile: target.caFile, tokenFile: token },
            health: { port: health },
          },
          dir,
        );
        agents.push(agent);
        undo.push(() => agent.stop());
        await agent.ready(`http://127.0.0.1:${health}/readyz`);
        return agent;
      },
    };
    return stage;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Removes what an earlier demo left in its state directory, and nothing else. */
function clear(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (/^(home|cluster|demo\.json|relay\.|agent-|.*\.(kubeconfig|token)$)/.test(name)) {
      rmSync(join(dir, name), { recursive: true, force: true });
    }
  }
}

async function newCluster(dir: string, say: Say): Promise<Target> {
  say('starting a real control plane: etcd, kube-apiserver, controllers, a node');
  const cluster: RealCluster = await startCluster({ stateDir: join(dir, 'cluster'), log: say });
  try {
    say('starting a few pods in several namespaces');
    await seedWorkloads(cluster);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return {
    url: cluster.url,
    caFile: cluster.caFile,
    kubeconfig: cluster.kubeconfig,
    pid: cluster.pids.apiServer,
    stop: () => cluster.stop(),
  };
}

/** Someone's own cluster: only read from its kubeconfig, never stopped. */
async function borrowed(file: string, context: string | undefined, dir: string): Promise<Target> {
  const kubeconfig = join(dir, 'direct.kubeconfig');
  const args = [
    'config',
    'view',
    '--raw',
    '--minify',
    '--flatten',
    ...(context === undefined ? [] : ['--context', context]),
  ];
  const raw = await kubectl(file, args);
  if (raw.code !== 0) throw new Error(`kubectl cannot read ${file}: ${raw.stderr.trim()}`);
  writeFileSync(kubeconfig, raw.stdout, { mode: 0o600 });
  const get = async (path: string): Promise<string> =>
    (await kubectl(kubeconfig, ['config', 'view', '--raw', '-o', `jsonpath={${path}}`])).stdout;
  const caFile = join(dir, 'cluster-ca.crt');
  writeFileSync(caFile, Buffer.from(await get('.clusters[0].cluster.certificate-authority-data'), 'base64'));
  return { url: await get('.clusters[0].cluster.server'), caFile, kubeconfig, pid: 0, stop: async () => {} };
}

/** The agent's service account: it may impersonate, and nothing else. */
async function agentAccount(target: Target, dir: string): Promise<string> {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'fairlead-agent' },
    rules: [
      { apiGroups: [''], resources: ['users', 'groups'], verbs: ['impersonate'] },
      { apiGroups: ['authentication.k8s.io'], resources: ['userextras/oid', 'uids'], verbs: ['impersonate'] },
    ],
  };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fairlead' } };
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'fairlead-agent' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'fairlead-agent' },
    subjects: [{ kind: 'ServiceAccount', namespace: 'fairlead', name: 'agent' }],
  };
  const manifest = join(dir, 'agent-rbac.json');
  writeFileSync(
    manifest,
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [namespace, role, binding] }),
  );
  const applied = await kubectl(target.kubeconfig, ['apply', '-f', manifest]);
  if (applied.code !== 0)
    throw new Error(`cannot make the agent's service account: ${applied.stderr.trim()}`);
  const file = join(dir, 'agent.token');
  writeFileSync(file, await serviceAccountToken(target, 'fairlead', 'agent'), { mode: 0o600 });
  return file;
}

function relayConfig(
  dir: string,
  caFile: string,
  issuer: IssuerDouble,
  port: number,
  internalPort: number,
): object {
  return {
    listen: { host: '127.0.0.1', port },
    internal: { host: '127.0.0.1', port: internalPort },
    tls: { certFile: join(dir, 'tls.crt'), keyFile: join(dir, 'tls.key') },
    storage: { file: join(dir, 'relay.db') },
    issuers: [
      {
        name: 'entra',
        preset: 'entra',
        issuer: issuer.url,
        tenant: DEMO_TENANT,
        audience: DEMO_CLIENT_ID,
        caFile,
        login: { clientId: DEMO_CLIENT_ID, scopes: ['openid', 'profile', 'offline_access'] },
      },
    ],
    access: [
      {
        cluster: CLUSTER,
        users: ['alice@fairlead.example', 'bob@fairlead.example'],
        serviceAccounts: ['default:demo-user'],
      },
    ],
    admins: { users: ['admin@fairlead.example'] },
  };
}

/** `port` if nothing listens there, else any free one. */
async function freeOr(port: number): Promise<number> {
  const probe = (wanted: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen(wanted, '127.0.0.1', () => {
        const { port: got } = server.address() as AddressInfo;
        server.close(() => resolve(got));
      });
    });
  return (await probe(port)) ?? (await probe(0)) ?? port;
}
