// The protocol between kubectl and its exec credential plugin (k8s.io/client-go pkg/apis/clientauthentication).

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'] as const;
type Version = (typeof VERSIONS)[number];

/** What kubectl says in KUBERNETES_EXEC_INFO. */
export interface ExecInfo {
  apiVersion: Version;
  /** True if the plugin may talk to the user on standard input and error; undefined if not said. */
  interactive: boolean | undefined;
  /** PEM of the cluster's CA, where kubectl gives it (provideClusterInfo). */
  ca: string | undefined;
}

/** Reads KUBERNETES_EXEC_INFO. Absent: v1beta1, as clients before it existed want. Throws TypeError with a reason. */
export function parseExecInfo(text: string | undefined): ExecInfo {
  if (text === undefined || text === '')
    return { apiVersion: VERSIONS[1], interactive: undefined, ca: undefined };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TypeError('KUBERNETES_EXEC_INFO is not JSON', { cause: error });
  }
  const info = (value ?? {}) as {
    apiVersion?: unknown;
    kind?: unknown;
    spec?: { interactive?: unknown; cluster?: Record<string, unknown> };
  };
  const apiVersion = VERSIONS.find((version) => version === info.apiVersion);
  if (!apiVersion || info.kind !== 'ExecCredential') {
    throw new TypeError(
      `KUBERNETES_EXEC_INFO asks for ${String(info.kind)} ${String(info.apiVersion)}, expected ExecCredential in ${VERSIONS.join(' or ')}`,
    );
  }
  const data = info.spec?.cluster?.['certificate-authority-data'];
  return {
    apiVersion,
    interactive: typeof info.spec?.interactive === 'boolean' ? info.spec.interactive : undefined,
    ca: typeof data === 'string' && data !== '' ? Buffer.from(data, 'base64').toString('utf8') : undefined,
  };
}

/** The one JSON document a plugin prints. `expiresAtMs`: when kubectl should ask again, absent if never. */
export function execCredential(apiVersion: Version, token: string, expiresAtMs: number | undefined): string {
  const expirationTimestamp =
    expiresAtMs === undefined ? undefined : new Date(expiresAtMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return JSON.stringify({
    kind: 'ExecCredential',
    apiVersion,
    spec: { interactive: false },
    status: { expirationTimestamp, token },
  });
}
