// Builds the control plane's binaries from the pinned Go module, once per version of its sources.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ClusterError } from './errors.ts';
import { findGo, type Go } from './go.ts';
import { isAlive, withLock } from './lock.ts';

/** The Kubernetes version that all binaries say they are, as pinned in go.mod. */
export const kubernetesVersion = 'v1.36.3';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const moduleDir = join(root, 'testbed/cluster');
const cacheDir = join(root, '.cache/testbed');
const progressMs = 10_000;
const keptBuilds = 3;
const keptLines = 40;

/** Where the built binaries are. */
export interface Testbed {
  /** The control plane in one binary. */
  readonly testbed: string;
  /** kubectl {@link kubernetesVersion}, as a real file of that name. */
  readonly kubectl: string;
  /** The directory with the commands that are first in the PATH of pods (`fairlead-pod`). */
  readonly tools: string;
}

export interface BuildOptions {
  /** Takes a line for people; standard error without it. */
  readonly log?: (line: string) => void;
}

let built: Promise<Testbed> | undefined;

/**
 * Builds the testbed, or finds it built. The first build takes minutes, says each ten seconds how far it is, and is
 * left to one process when several want it.
 *
 * @throws ClusterError `ERR_TESTBED_GO_MISSING`, `ERR_TESTBED_BUILD_FAILED`
 */
export function buildTestbed(options: BuildOptions = {}): Promise<Testbed> {
  const log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
  built ??= findOrBuild(log).catch((error: unknown) => {
    built = undefined;
    throw error;
  });
  return built;
}

async function findOrBuild(log: (line: string) => void): Promise<Testbed> {
  const dir = join(cacheDir, await hashSources());
  if (!(await exists(dir))) {
    const go = await findGo(moduleDir);
    await mkdir(cacheDir, { recursive: true });
    const waiting = () => log('waiting for another process that is building the testbed');
    await withLock(join(cacheDir, 'build.lock'), waiting, async () => {
      if (!(await exists(dir))) await build(go, dir, log);
    });
    await prune(dir);
  }
  return { testbed: join(dir, 'fairlead-testbed'), kubectl: join(dir, 'kubectl'), tools: join(dir, 'tools') };
}

async function build(go: Go, dir: string, log: (line: string) => void): Promise<void> {
  const draft = `${dir}.${process.pid}`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, 'tools'), { recursive: true });
  log(
    `building the testbed's control plane (Kubernetes ${kubernetesVersion}, etcd) with ${go.version}; once, it takes some minutes`,
  );
  const started = Date.now();
  try {
    await compile(go, draft, log);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  await rename(join(draft, 'fairlead-pod'), join(draft, 'tools/fairlead-pod'));
  await rename(draft, dir); // a whole build or none
  log(`built the testbed in ${seconds(started)} s`);
}

async function compile(go: Go, draft: string, log: (line: string) => void): Promise<void> {
  const version = 'k8s.io/component-base/version';
  const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.');
  const ldflags = `-s -w -X ${version}.gitVersion=${kubernetesVersion} -X ${version}.gitMajor=${major} -X ${version}.gitMinor=${minor}`;
  const parallel = String(Math.max(1, availableParallelism()));
  // -v names each package when it is compiled: that is the progress.
  const args = [
    'build',
    '-v',
    '-trimpath',
    '-mod=readonly',
    '-p',
    parallel,
    '-ldflags',
    ldflags,
    '-o',
    `${draft}/`,
    './cmd/...',
  ];
  const child = spawn(go.path, args, { cwd: moduleDir, stdio: ['ignore', 'ignore', 'pipe'] });
  const started = Date.now();
  let compiled = 0;
  let downloaded = 0;
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('go: downloading ')) downloaded += 1;
    else if (/^[\w.-]+(\/[\w.-]+)*$/.test(line)) compiled += 1;
    else lines.push(line);
    if (lines.length > keptLines) lines.shift();
  });
  const timer = setInterval(() => {
    log(
      `building the testbed: ${downloaded} modules fetched, ${compiled} packages compiled, ${seconds(started)} s`,
    );
  }, progressMs);
  const stop = () => child.kill();
  process.once('exit', stop);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    if (code !== 0) {
      throw new ClusterError('ERR_TESTBED_BUILD_FAILED', `building the testbed failed:\n${lines.join('\n')}`);
    }
  } finally {
    clearInterval(timer);
    process.off('exit', stop);
  }
}

/** The name of a build: what goes into it, so that another source is another directory. */
async function hashSources(): Promise<string> {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${kubernetesVersion}\n`);
  const entries = await readdir(moduleDir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter(
      (entry) =>
        entry.isFile() && /\.go$|^go\.(mod|sum)$/.test(entry.name) && !entry.name.endsWith('_test.go'),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  for (const file of files) {
    hash.update(`${relative(moduleDir, file)}\0`).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Removes old builds, but for the newest few from which a cluster may still run, and what interrupted builds left. */
async function prune(current: string): Promise<void> {
  const names = await readdir(cacheDir);
  const drafts = names.filter(
    (name) => /^[0-9a-f]{16}\.\d+$/.test(name) && !isAlive(Number(name.split('.')[1])),
  );
  const dirs = await Promise.all(
    names
      .filter((name) => /^[0-9a-f]{16}$/.test(name))
      .map(async (name) => ({ name, at: (await stat(join(cacheDir, name))).mtimeMs })),
  );
  const old = dirs.toSorted((a, b) => b.at - a.at).slice(keptBuilds);
  for (const name of [...drafts, ...old.map((build) => build.name)]) {
    if (join(cacheDir, name) !== current) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

const seconds = (since: number): number => Math.round((Date.now() - since) / 1000);

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
