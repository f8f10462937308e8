// Types, lint and format in one go; `--write` formats instead of complaining.
import { spawnSync } from 'node:child_process';

const write = process.argv.includes('--write');
const steps = write
  ? [['biome', ['format', '--write', '.']]]
  : [
      ['tsc', ['--pretty', 'false']],
      ['oxlint', ['--deny-warnings']],
      ['biome', ['format', '.']],
    ];
let failed = false;
for (const [tool, args] of steps) {
  const { status } = spawnSync(`node_modules/.bin/${tool}`, args, { stdio: 'inherit' });
  if (status !== 0) failed = true;
  process.stderr.write(`check: ${tool} ${status === 0 ? 'ok' : 'FAILED'}\n`);
}
process.exit(failed ? 1 : 0);
