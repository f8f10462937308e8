/** The objects that the end-to-end tests put into a namespace. */

/** A pod that runs one command; it ends within a second of being told to. */
export function pod(name: string, command: string[], options: { stdin?: boolean } = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: 'none',
          command,
          env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          ...(options.stdin === true ? { stdin: true, stdinOnce: true } : {}),
        },
      ],
    },
  };
}

export function configMap(name: string, data: Record<string, string>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { kind: 'test' } }, data };
}

export function list(...items: object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
