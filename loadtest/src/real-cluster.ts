/** The testbed's real kube-apiserver as an upstream, if the testbed has been built. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  kubectlOk,
  serviceAccountToken,
  startCluster,
  type RealCluster,
} from '@fairlead/testbed/cluster/index';
import type { Upstream } from './setup.ts';

/** Starts the control plane in `dir`, with an account that may impersonate, and alice who may read. */
export async function realUpstream(
  dir: string,
  say: (line: string) => void,
): Promise<{ cluster: RealCluster; upstream: Upstream }> {
  const cluster = await startCluster({ stateDir: dir, log: say });
  try {
    const token = await serviceAccountToken(cluster, 'default', 'fairlead-agent');
    for (const args of [
      ['agent', '--serviceaccount=default:fairlead-agent'],
      ['alice', '--user=alice'],
    ]) {
      await kubectlOk(cluster.kubeconfig, [
        'create',
        'clusterrolebinding',
        '--clusterrole=cluster-admin',
        ...args,
      ]);
    }
    const tokenFile = join(dir, 'real-token');
    writeFileSync(tokenFile, token, { mode: 0o600 });
    return {
      cluster,
      upstream: {
        cluster: 'real',
        url: cluster.url,
        caFile: cluster.caFile,
        tokenFile,
        roles: { 'API server': cluster.pids.apiServer },
      },
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
