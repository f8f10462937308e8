// A few things that run in several namespaces, so that there is something to list, read and reach.
import type { RealCluster } from './cluster.ts';
import { kubectlOk } from './kubectl.ts';

const runningWait = '120s';

interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly command: readonly string[];
  readonly port?: number;
}

/** What {@link seedWorkloads} starts. */
export const workloads: readonly Workload[] = [
  { namespace: 'default', name: 'hello', replicas: 1, command: echo('hello from default'), port: 8080 },
  { namespace: 'shop', name: 'web', replicas: 2, command: echo('welcome to the shop'), port: 8080 },
  { namespace: 'shop', name: 'orders', replicas: 1, command: ticker('2s', 'order taken') },
  { namespace: 'payments', name: 'ledger', replicas: 1, command: echo('the ledger'), port: 8080 },
  { namespace: 'payments', name: 'settlement', replicas: 1, command: ticker('5s', 'batch settled') },
];

/** Makes the namespaces `shop` and `payments` and the deployments of {@link workloads}, and waits until their pods run. */
export async function seedWorkloads(cluster: Pick<RealCluster, 'kubeconfig'>): Promise<void> {
  const namespaces = [...new Set(workloads.map((workload) => workload.namespace))];
  const objects = [
    ...namespaces
      .filter((name) => name !== 'default')
      .map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...workloads.map(deployment),
    ...workloads.flatMap(service),
  ];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await kubectlOk(cluster.kubeconfig, ['apply', '-f', '-'], { input: list });
  await Promise.all(
    namespaces.map((namespace) => {
      const names = workloads
        .filter((workload) => workload.namespace === namespace)
        .map(({ name }) => `deployment/${name}`);
      const args = [
        'wait',
        '-n',
        namespace,
        '--for=condition=Available',
        `--timeout=${runningWait}`,
        ...names,
      ];
      return kubectlOk(cluster.kubeconfig, args, { timeoutMs: 150_000 });
    }),
  );
}

function deployment({ namespace, name, replicas, command, port }: Workload): object {
  const labels = { app: name };
  const container = {
    name,
    image: 'fairlead.example/testbed', // the testbed's node runs the command whatever the image
    command,
    env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
    ...(port === undefined ? {} : { ports: [{ name: 'main', containerPort: port }] }),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 2, containers: [container] },
      },
    },
  };
}

function service({ namespace, name, port }: Workload): object[] {
  if (port === undefined) return [];
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 'main' }] },
    },
  ];
}

function echo(greeting: string): string[] {
  return ['fairlead-pod', 'echo-server', '--port=8080', `--greeting=${greeting}`];
}

function ticker(interval: string, text: string): string[] {
  return ['fairlead-pod', 'ticker', `--interval=${interval}`, `--text=${text}`];
}
