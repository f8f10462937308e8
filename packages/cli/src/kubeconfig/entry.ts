// What Fairlead writes for one cluster: a cluster, a user and a context of one name, marked as ours.

/** Marks an entry as made by us, so that it may be replaced; kubectl keeps extensions it does not know. */
const EXTENSION = 'fairlead';

/** How the entry reaches the cluster: straight to the relay with the exec plugin, or through a local `fairlead proxy`. */
export type Via = 'relay' | 'proxy';

export interface KubeconfigEntry {
  name: string;
  cluster: Record<string, unknown>;
  user: Record<string, unknown>;
  context: Record<string, unknown>;
}

export interface EntryTarget {
  /** The name of the context, cluster and user. */
  name: string;
  relay: string;
  cluster: string;
}

/** An entry whose user runs `fairlead get-token`. `ca`: PEM. `exec.args` hold no secret. */
export function relayEntry(
  target: EntryTarget,
  ca: string | undefined,
  exec: { command: string; args: string[]; env: { name: string; value: string }[] },
): KubeconfigEntry {
  const user = {
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: exec.command,
      args: exec.args,
      ...(exec.env.length > 0 && { env: exec.env }),
      installHint:
        'This context needs Fairlead: install it, or write the context again with `fairlead kubeconfig`.',
      interactiveMode: 'IfAvailable',
      provideClusterInfo: true,
    },
  };
  return entry(target, 'relay', `${target.relay}/clusters/${target.cluster}`, ca, user);
}

/** An entry that goes to the local proxy; `secret` lets in only who can read the kubeconfig. */
export function proxyEntry(target: EntryTarget, origin: string, ca: string, secret: string): KubeconfigEntry {
  return entry(target, 'proxy', origin, ca, { token: secret });
}

function entry(
  { name, relay, cluster }: EntryTarget,
  via: Via,
  server: string,
  ca: string | undefined,
  user: Record<string, unknown>,
): KubeconfigEntry {
  const extensions = [{ name: EXTENSION, extension: { via, relay, cluster } }];
  const authority =
    ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  return {
    name,
    cluster: { server, ...authority, extensions },
    user: { ...user, extensions },
    context: { cluster: name, user: name, extensions },
  };
}

/** True if `there` (an entry's content in a kubeconfig) was made by us for the same relay, cluster and way. */
export function isSameMaker(there: unknown, ours: Record<string, unknown>): boolean {
  const mark = markOf(there);
  return mark !== undefined && mark === markOf(ours);
}

function markOf(content: unknown): string | undefined {
  const { extensions } = (content ?? {}) as { extensions?: unknown };
  if (!Array.isArray(extensions)) return undefined;
  for (const item of extensions as {
    name?: unknown;
    extension?: { via?: unknown; relay?: unknown; cluster?: unknown };
  }[]) {
    if (item?.name !== EXTENSION) continue;
    return JSON.stringify([item.extension?.via, item.extension?.relay, item.extension?.cluster]);
  }
  return undefined;
}
