// Finds a Go that can build the testbed's control plane.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClusterError } from './errors.ts';

const run = promisify(execFile);

/** The oldest Go that the module's go.mod accepts. */
export const minimumGo = { major: 1, minor: 26 } as const;

/** A usable Go. */
export interface Go {
  readonly path: string;
  readonly version: string;
}

/**
 * Looks for Go on PATH and where its installers put it. The version is asked for in the module's directory, so a Go
 * that may fetch the toolchain named in go.mod counts with that one.
 *
 * @throws ClusterError `ERR_TESTBED_GO_MISSING`
 */
export async function findGo(moduleDir: string): Promise<Go> {
  const tooOld: string[] = [];
  for (const path of candidates()) {
    const version = await versionOf(path, moduleDir);
    if (version !== undefined && isRecent(version)) return { path, version };
    if (version !== undefined) tooOld.push(`${path} is ${version}`);
  }
  const found = tooOld.length > 0 ? `found only: ${tooOld.join(', ')}` : 'none was found on PATH';
  throw new ClusterError(
    'ERR_TESTBED_GO_MISSING',
    `Go ${minimumGo.major}.${minimumGo.minor} or newer is needed to build the demo's and the tests' Kubernetes control plane; ${found}. ` +
      'Install Go (package "golang" or "go" of your system, if recent enough, else from go.dev/dl), put its bin directory on PATH and try again.',
  );
}

/** Whether a version such as `go1.26.8` is new enough. */
export function isRecent(version: string): boolean {
  const match = /^go(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  const major = Number(match[1]);
  return major > minimumGo.major || (major === minimumGo.major && Number(match[2]) >= minimumGo.minor);
}

function candidates(): string[] {
  const { GOROOT, HOME } = process.env;
  return [
    'go',
    ...(GOROOT === undefined || GOROOT === '' ? [] : [join(GOROOT, 'bin/go')]),
    '/usr/local/go/bin/go',
    '/opt/homebrew/bin/go',
    ...(HOME === undefined ? [] : [join(HOME, 'go/bin/go'), join(HOME, '.local/go/bin/go')]),
  ];
}

async function versionOf(path: string, cwd: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(path, ['env', 'GOVERSION'], { cwd, timeout: 120_000 });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
