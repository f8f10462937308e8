// Runs kubectl as a person would: a real binary, its own process, what it printed and how it ended.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { dirname, join } from 'node:path';
import { buildTestbed } from './build.ts';
import { ClusterError } from './errors.ts';

const defaultTimeoutMs = 60_000;
const defaultMaxOutputBytes = 64 * 1024 * 1024;

export interface KubectlOptions {
  /** Path of the kubectl to run; the testbed's own without it. */
  readonly binary?: string;
  /** Variables on top of this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** What kubectl reads on standard input, which then ends. Without it, standard input is empty. */
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** kubectl is killed after this time. Default 60 s. */
  readonly timeoutMs?: number;
  /** Default 64 MiB, for each of the two outputs. */
  readonly maxOutputBytes?: number;
  readonly signal?: AbortSignal;
}

/** What a kubectl printed and how it ended. */
export interface KubectlResult {
  readonly stdout: string;
  readonly stderr: string;
  /** The output as bytes. */
  readonly stdoutBytes: Buffer;
  /** The exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Runs a kubectl to its end, whatever its exit code.
 *
 * @throws ClusterError `ERR_TESTBED_OUTPUT_TOO_LONG`, `ERR_TESTBED_KUBECTL_FAILED` if it cannot be run
 */
export async function kubectl(
  kubeconfig: string,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<KubectlResult> {
  const child = await spawnKubectl(kubeconfig, args, options);
  const max = options.maxOutputBytes ?? defaultMaxOutputBytes;
  const stdout = collect(child, 'stdout', max);
  const stderr = collect(child, 'stderr', max);
  child.stdin?.on('error', () => undefined); // it may end without reading all
  child.stdin?.end(options.input ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? defaultTimeoutMs);
  const abort = () => child.kill('SIGKILL');
  options.signal?.addEventListener('abort', abort);
  try {
    const [code, signal] = await closed(child);
    return {
      stdout: stdout().toString('utf8'),
      stderr: stderr().toString('utf8'),
      stdoutBytes: stdout(),
      code,
      signal,
    };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/**
 * Like {@link kubectl}, but an exit code other than 0 is an error.
 *
 * @throws ClusterError `ERR_TESTBED_KUBECTL_FAILED` with what kubectl said
 */
export async function kubectlOk(
  kubeconfig: string,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<KubectlResult> {
  const result = await kubectl(kubeconfig, args, options);
  if (result.code !== 0) {
    const how = result.code ?? result.signal;
    throw new ClusterError(
      'ERR_TESTBED_KUBECTL_FAILED',
      `kubectl ${args.join(' ')} ended with ${how}: ${result.stderr}`,
    );
  }
  return result;
}

/** Starts a kubectl that runs on, such as a watch or a port-forward; the caller ends it. */
export async function spawnKubectl(
  kubeconfig: string,
  args: readonly string[],
  options: Pick<KubectlOptions, 'binary' | 'env' | 'cwd'> & { readonly stdio?: StdioOptions } = {},
): Promise<ChildProcess> {
  const binary = options.binary ?? (await buildTestbed()).kubectl;
  const env = kubectlEnv(kubeconfig, options.env);
  return spawn(binary, args, { stdio: options.stdio ?? 'pipe', env, cwd: options.cwd });
}

/** The environment of a kubectl: it uses this kubeconfig and nothing that the user of this machine has set for theirs. */
export function kubectlEnv(
  kubeconfig: string,
  more: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  return {
    ...process.env,
    KUBECONFIG: kubeconfig,
    // Ports of clusters that are gone come again: what kubectl remembers of one must not be shared.
    KUBECACHEDIR: join(dirname(kubeconfig), 'kubectl-cache'),
    KUBERC: 'off',
    ...more,
  };
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr', max: number): () => Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  child[name]?.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= max) chunks.push(chunk);
    else
      child.emit(
        'error',
        new ClusterError('ERR_TESTBED_OUTPUT_TOO_LONG', `${name} of kubectl is over ${max} bytes`),
      );
  });
  return () => Buffer.concat(chunks);
}

function closed(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once('close', (code, signal) => resolve([code, signal]));
    child.on('error', (error) => {
      child.kill('SIGKILL');
      const known = error instanceof ClusterError;
      reject(
        known
          ? error
          : new ClusterError('ERR_TESTBED_KUBECTL_FAILED', 'kubectl cannot be run', { cause: error }),
      );
    });
  });
}
