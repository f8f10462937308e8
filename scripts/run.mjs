// Entry of every npm script: sets up the pinned toolchain and dependencies, then runs the task with them.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fail, root, say, toolchain } from './toolchain.mjs';

const TASKS = {
  setup: () => [],
  demo: (args) => [['packages/testbed/src/demo/main.ts', ...args]],
  bench: (args) => [['loadtest/src/main.ts', ...args]],
  test: (args) => [['scripts/test.mjs', ...args]],
  check: () => [['scripts/check.mjs']],
  format: () => [['scripts/check.mjs', '--write']],
};

const [task = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(TASKS, task)) fail(`unknown task '${task}'; one of: ${Object.keys(TASKS).join(', ')}`);
const tools = toolchain();
installDependencies();
for (const [script, ...rest] of TASKS[task](args)) await run(script, rest);

function installDependencies() {
  const stamp = join(root, '.cache/dependencies');
  const id = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex');
  const modules = join(root, 'node_modules/.modules.yaml');
  if (existsSync(modules) && existsSync(stamp) && readFileSync(stamp, 'utf8') === id) return;
  say('installing dependencies…');
  const done = spawnSync(tools.node, [tools.pnpm, 'install', '--frozen-lockfile', '--reporter=silent'], {
    cwd: root,
    env: { ...tools.env, CI: 'true' },
    stdio: ['ignore', 2, 2],
  });
  if (done.status !== 0) fail('pnpm could not install the dependencies; is the npm registry reachable?');
  mkdirSync(join(root, '.cache'), { recursive: true });
  writeFileSync(stamp, id);
}

/** Runs one script, handing signals on, and exits with its code as soon as one fails. */
async function run(script, rest) {
  const child = spawn(tools.node, [script, ...rest], { cwd: root, env: tools.env, stdio: 'inherit' });
  // The terminal signals the whole group; we only have to stay until the child has cleaned up.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT') child.kill(signal);
    });
  }
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(status ?? 128 + (constants.signals[signal] ?? 0)));
  });
  if (code !== 0) process.exit(code);
}
