// The real control plane for the demo and the end-to-end tests: build it, start it, use it.
export { buildTestbed, kubernetesVersion, type BuildOptions, type Testbed } from './build.ts';
export { RealCluster, type ClusterPids } from './cluster.ts';
export { ClusterError, type ClusterErrorCode } from './errors.ts';
export { findGo, minimumGo, type Go } from './go.ts';
export { kubectl, kubectlOk, spawnKubectl, type KubectlOptions, type KubectlResult } from './kubectl.ts';
export { findKubectls, type FoundKubectl } from './kubectls.ts';
export { serviceAccountToken } from './service-account.ts';
export { startCluster, type StartOptions } from './start.ts';
export { kubectlOnTerminal, Terminal, type TerminalOptions } from './terminal.ts';
export { seedWorkloads, workloads } from './workloads.ts';
