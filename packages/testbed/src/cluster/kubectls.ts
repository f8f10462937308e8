// Finds the kubectls of several versions that a machine has.
import { execFile } from 'node:child_process';
import { readdir, realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { buildTestbed, kubernetesVersion } from './build.ts';

const run = promisify(execFile);

/** A kubectl of one version. */
export interface FoundKubectl {
  readonly path: string;
  /** As it says itself, `v1.33.2`. */
  readonly version: string;
  /** Minor version, 33. */
  readonly minor: number;
}

/**
 * The testbed's own kubectl and each file `kubectl.1.NN` beside the `kubectl` of PATH, beside what that links to, or in
 * a `google-cloud-sdk/bin`; one a minor version, in ascending order.
 */
export async function findKubectls(): Promise<FoundKubectl[]> {
  const own = await buildTestbed();
  const found = new Map<number, FoundKubectl>();
  for (const dir of await directories()) {
    const names = await readdir(dir).catch(() => []);
    for (const name of names.filter((name) => /^kubectl\.1\.\d+$/.test(name)).toSorted()) {
      const kubectl = await ask(join(dir, name));
      if (kubectl !== undefined && !found.has(kubectl.minor)) found.set(kubectl.minor, kubectl);
    }
  }
  const minor = Number(kubernetesVersion.split('.')[1]);
  found.set(minor, { path: own.kubectl, version: kubernetesVersion, minor });
  return [...found.values()].toSorted((a, b) => a.minor - b.minor);
}

async function directories(): Promise<Set<string>> {
  const dirs = new Set<string>();
  for (const entry of (process.env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== '')) {
    const target = await realpath(join(entry, 'kubectl')).catch(() => undefined);
    if (target === undefined) continue;
    dirs.add(entry);
    dirs.add(dirname(target));
  }
  for (const base of ['/usr/lib', '/usr/local', '/opt', '/usr/share', process.env['HOME'] ?? '/root']) {
    dirs.add(join(base, 'google-cloud-sdk/bin'));
  }
  return dirs;
}

async function ask(path: string): Promise<FoundKubectl | undefined> {
  try {
    const { stdout } = await run(path, ['version', '--client', '-o', 'json'], { timeout: 30_000 });
    const version = /"gitVersion":\s*"(v1\.(\d+)\.[^"]*)"/.exec(stdout);
    if (version?.[1] === undefined) return undefined;
    return { path, version: version[1], minor: Number(version[2]) };
  } catch {
    return undefined; // not for this machine
  }
}
