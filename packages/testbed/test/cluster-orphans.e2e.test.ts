// What becomes of a cluster whose starter was killed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { isAlive } from '../src/cluster/lock.ts';
import { survivors } from './fixtures/survivors.ts';

t.test('a starter killed by SIGKILL leaves no process, in the control plane or in the pods', async (t) => {
  const script = fileURLToPath(new URL('fixtures/start-cluster.ts', import.meta.url));
  const child = spawn(process.execPath, [script, t.testdir()], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const pids = JSON.parse(line) as number[];
  t.equal(pids.length, 6);
  t.ok(pids.every(isAlive), 'all run');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.same(await survivors(pids), []);
});
