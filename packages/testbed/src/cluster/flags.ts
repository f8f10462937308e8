// The command lines of the control plane's parts.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** Where a cluster has its files and on which ports it is. */
export interface Plan {
  readonly dir: string;
  readonly pki: string;
  readonly tools: string;
  readonly nodeName: string;
  readonly ports: { readonly apiServer: number; readonly etcd: number; readonly etcdPeer: number };
  readonly apiServerArgs: readonly string[];
}

export const serverUrl = (plan: Plan): string => `https://127.0.0.1:${plan.ports.apiServer}`;
export const auditLog = (plan: Plan): string => join(plan.dir, 'audit.log');
const etcdUrl = (plan: Plan): string => `https://127.0.0.1:${plan.ports.etcd}`;
const tls = (plan: Plan, name: string) => ({
  cert: join(plan.pki, `${name}.crt`),
  key: join(plan.pki, `${name}.key`),
});
const ca = (plan: Plan): string => join(plan.pki, 'ca.crt');

export function etcdFlags(plan: Plan): string[] {
  const { cert, key } = tls(plan, 'etcd');
  const peer = `https://127.0.0.1:${plan.ports.etcdPeer}`;
  return [
    'etcd',
    '--name=testbed',
    `--data-dir=${join(plan.dir, 'etcd')}`,
    `--listen-client-urls=${etcdUrl(plan)}`,
    `--advertise-client-urls=${etcdUrl(plan)}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=testbed=${peer}`,
    ...['', 'peer-'].flatMap((kind) => [
      `--${kind}cert-file=${cert}`,
      `--${kind}key-file=${key}`,
      `--${kind}trusted-ca-file=${ca(plan)}`,
      `--${kind}client-cert-auth=true`,
    ]),
    '--unsafe-no-fsync', // nothing here outlives the machine
    '--log-level=warn',
  ];
}

export function apiServerFlags(plan: Plan): string[] {
  const serving = tls(plan, 'apiserver');
  const kubelet = tls(plan, 'apiserver-kubelet-client');
  const etcd = tls(plan, 'apiserver-etcd-client');
  return [
    'kube-apiserver',
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${plan.ports.apiServer}`,
    `--tls-cert-file=${serving.cert}`,
    `--tls-private-key-file=${serving.key}`,
    `--client-ca-file=${ca(plan)}`,
    `--authentication-config=${join(plan.dir, 'authentication.yaml')}`,
    '--authorization-mode=Node,RBAC',
    `--etcd-servers=${etcdUrl(plan)}`,
    `--etcd-cafile=${ca(plan)}`,
    `--etcd-certfile=${etcd.cert}`,
    `--etcd-keyfile=${etcd.key}`,
    `--kubelet-certificate-authority=${ca(plan)}`,
    `--kubelet-client-certificate=${kubelet.cert}`,
    `--kubelet-client-key=${kubelet.key}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${join(plan.pki, 'service-account.pub')}`,
    `--service-account-signing-key-file=${join(plan.pki, 'service-account.key')}`,
    '--endpoint-reconciler-type=none', // loopback addresses cannot be in endpoints
    `--audit-policy-file=${join(plan.dir, 'audit-policy.yaml')}`,
    `--audit-log-path=${auditLog(plan)}`,
    '--audit-log-maxsize=100',
    '--audit-log-maxbackup=1',
    '--allow-privileged=true',
    ...plan.apiServerArgs,
  ];
}

export function controllerManagerFlags(plan: Plan): string[] {
  const config = join(plan.pki, 'controller-manager.kubeconfig');
  return [
    'kube-controller-manager',
    `--kubeconfig=${config}`,
    '--secure-port=0',
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--root-ca-file=${ca(plan)}`,
    `--service-account-private-key-file=${join(plan.pki, 'service-account.key')}`,
    `--cluster-signing-cert-file=${ca(plan)}`,
    `--cluster-signing-key-file=${join(plan.pki, 'ca.key')}`,
    // Pods have loopback addresses, which the API server accepts in no endpoint.
    '--controllers=*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller',
  ];
}

export function nodeFlags(plan: Plan): string[] {
  return [
    'node',
    `--name=${plan.nodeName}`,
    `--dir=${join(plan.dir, 'node')}`,
    `--pki=${plan.pki}`,
    `--tools=${plan.tools}`,
  ];
}

/** Writes the files that the API server's flags name. Nobody is anonymous but who asks after its health. */
export async function writeApiServerFiles(plan: Plan): Promise<void> {
  const health = ['/livez', '/readyz', '/healthz'];
  await writeFile(
    join(plan.dir, 'authentication.yaml'),
    stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      anonymous: { enabled: true, conditions: health.map((path) => ({ path })) },
    }),
  );
  await writeFile(
    join(plan.dir, 'audit-policy.yaml'),
    stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] }),
  );
}
