// Starts a real control plane of one etcd, API server, controller manager and node, on loopback ports.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { buildTestbed, type Testbed } from './build.ts';
import { RealCluster } from './cluster.ts';
import { ClusterError } from './errors.ts';
import { serverUrl, writeApiServerFiles, type Plan } from './flags.ts';
import { freePorts } from './ports.ts';
import { Probe } from './probe.ts';

const run = promisify(execFile);
const portTries = 3;

export interface StartOptions {
  /** Directory for all files of the cluster; what an earlier cluster left in it is removed. */
  readonly stateDir: string;
  /** Takes lines for people; standard error without it. */
  readonly log?: (line: string) => void;
  /** Further flags of kube-apiserver, after those that the testbed sets. */
  readonly apiServerArgs?: readonly string[];
  /** The node's name. Default `fairlead-node`. */
  readonly nodeName?: string;
  /** A build of one's own; otherwise {@link buildTestbed} is called. */
  readonly testbed?: Testbed;
}

/**
 * Starts a cluster and waits until its node is ready and its pods have a service account to run as.
 *
 * @throws ClusterError as of {@link buildTestbed}, `ERR_TESTBED_COMPONENT_FAILED` with the end of the log of what failed,
 *   `ERR_TESTBED_NOT_READY`
 */
export async function startCluster(options: StartOptions): Promise<RealCluster> {
  const log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
  const testbed = options.testbed ?? (await buildTestbed({ log }));
  for (let attempt = 1; ; attempt += 1) {
    const plan = await prepare(options, testbed);
    const cluster = new RealCluster(plan, testbed, await Probe.create(serverUrl(plan), plan.pki), log);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      // Between the choice of a port and its use another program may have taken it.
      if (attempt === portTries || !isPortTaken(error)) throw error;
      log('a port was taken meanwhile, starting the control plane on others');
    }
  }
}

async function prepare(options: StartOptions, testbed: Testbed): Promise<Plan> {
  const dir = join(resolve(options.stateDir), 'cluster');
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const [apiServer, etcd, etcdPeer] = (await freePorts(3)) as [number, number, number];
  const plan: Plan = {
    dir,
    pki: join(dir, 'pki'),
    tools: testbed.tools,
    nodeName: options.nodeName ?? 'fairlead-node',
    ports: { apiServer, etcd, etcdPeer },
    apiServerArgs: options.apiServerArgs ?? [],
  };
  await run(testbed.testbed, [
    'pki',
    `--dir=${plan.pki}`,
    `--server=${serverUrl(plan)}`,
    `--node=${plan.nodeName}`,
  ]);
  await copyFile(join(plan.pki, 'admin.kubeconfig'), join(dir, 'direct.kubeconfig'));
  await writeApiServerFiles(plan);
  return plan;
}

function isPortTaken(error: unknown): boolean {
  // The only place where a program's words are all there is: neither etcd nor the API server has a code for it.
  return (
    error instanceof ClusterError &&
    error.code === 'ERR_TESTBED_COMPONENT_FAILED' &&
    error.message.includes('address already in use')
  );
}
