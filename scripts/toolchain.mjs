// Installs the pinned Node and pnpm into .cache/toolchain-…, once, each checked against its hash in toolchain.json.
// Runs on Node 20 with npm and tar alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const pins = JSON.parse(readFileSync(join(root, 'scripts/toolchain.json'), 'utf8'));
const platform = `${process.platform}-${process.arch}`;

/** Says what is being done on stderr; stdout belongs to the command. */
export function say(text) {
  process.stderr.write(`fairlead: ${text}\n`);
}

/** Ends with one clear line and exit code 1. */
export function fail(text) {
  say(text);
  process.exit(1);
}

/** Returns {node, pnpm, env}: absolute paths of the pinned tools and an environment with them first on PATH. */
export function toolchain() {
  const dir = join(root, '.cache', `toolchain-node-${pins.node.version}-pnpm-${pins.pnpm.version}`);
  if (!existsSync(dir)) install(dir);
  const node = join(dir, 'node/bin/node');
  const pnpm = join(dir, 'pnpm/bin/pnpm.cjs');
  return {
    node,
    pnpm,
    env: { ...process.env, PATH: [dirname(node), process.env.PATH ?? ''].join(delimiter) },
  };
}

function install(dir) {
  say('fetching the pinned Node and pnpm (once)…');
  if (!pins.node[platform]) fail(`there is no pinned Node for ${platform}`);
  const work = `${dir}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  fetchPackage(
    work,
    'node',
    `${platform === 'darwin-arm64' ? 'node-bin' : 'node'}-${platform}@${pins.node.version}`,
    pins.node[platform],
  );
  fetchPackage(work, 'pnpm', `pnpm@${pins.pnpm.version}`, pins.pnpm.integrity);
  try {
    renameSync(work, dir);
  } catch (error) {
    // Another process finished first: its copy is as good as ours.
    rmSync(work, { recursive: true, force: true });
    if (!existsSync(dir)) throw error;
  }
}

/** Downloads one package from the npm registry, checks its sha512 against the pin, and unpacks it into work/name. */
function fetchPackage(work, name, spec, integrity) {
  const packed = spawnSync('npm', ['pack', spec, '--silent', '--pack-destination', work], {
    cwd: work,
    encoding: 'utf8',
  });
  if (packed.error || packed.status !== 0) {
    rmSync(work, { recursive: true, force: true });
    fail(
      `npm could not fetch ${spec}; is npm installed and the npm registry reachable? ${packed.error?.message ?? packed.stderr.trim()}`,
    );
  }
  const tarball = join(work, packed.stdout.trim().split('\n').at(-1));
  const got = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (got !== integrity) {
    rmSync(work, { recursive: true, force: true });
    fail(`${spec} is not what was pinned in scripts/toolchain.json: its hash is ${got}`);
  }
  const target = join(work, name);
  mkdirSync(target);
  const untar = spawnSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  if (untar.status !== 0) fail(`tar could not unpack ${tarball}`);
  rmSync(tarball);
}
