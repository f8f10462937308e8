// A service account with a token Secret that does not expire, as the walk-through makes one.
import { kubectlOk } from './kubectl.ts';
import type { RealCluster } from './cluster.ts';

const tokenWait = '30s';

/**
 * Makes the service account, and a Secret `<name>-token` of the type `kubernetes.io/service-account-token`, and waits for
 * the token that the cluster writes into it.
 */
export async function serviceAccountToken(
  cluster: Pick<RealCluster, 'kubeconfig'>,
  namespace: string,
  name: string,
): Promise<string> {
  const secret = `${name}-token`;
  const objects = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: { namespace, name: secret, annotations: { 'kubernetes.io/service-account.name': name } },
    },
  ];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await kubectlOk(cluster.kubeconfig, ['apply', '-f', '-'], { input: list });
  const wait = [
    'wait',
    '-n',
    namespace,
    `secret/${secret}`,
    '--for=jsonpath={.data.token}',
    `--timeout=${tokenWait}`,
  ];
  await kubectlOk(cluster.kubeconfig, wait);
  const get = ['get', 'secret', '-n', namespace, secret, '-o', 'jsonpath={.data.token}'];
  const { stdout } = await kubectlOk(cluster.kubeconfig, get);
  return Buffer.from(stdout, 'base64').toString('utf8');
}
