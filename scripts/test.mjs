// Runs the test suite with tap; arguments narrow it to files.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const tap = 'node_modules/.bin/tap';
if (!existsSync('.tap/plugins')) {
  const built = spawnSync(tap, ['build'], { stdio: ['ignore', 2, 2] });
  if (built.status !== 0) process.exit(1);
}
// The control plane is built before the clock of any test runs: from empty caches that takes minutes.
if (process.argv.length === 2) {
  const { buildTestbed } = await import('../packages/testbed/src/cluster/index.ts');
  try {
    await buildTestbed({ log: (line) => process.stderr.write(`test: ${line}\n`) });
  } catch (error) {
    process.stderr.write(`test: ${error.message}\n`);
    process.exit(1);
  }
}
const { status } = spawnSync(tap, process.argv.slice(2), { stdio: 'inherit' });
process.exit(status ?? 1);
