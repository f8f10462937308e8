// bin/fairlead as people start it: from anywhere, through links, under kubectl's name, closed early, interrupted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { FakeRelay } from './support.ts';

const BIN = resolve(import.meta.dirname, '../../../bin');

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(
  home: string,
  command: string,
  args: string[],
): { ended: Promise<Ended>; stderrHas(text: string): Promise<void>; kill(signal: NodeJS.Signals): void } {
  const env = { PATH: process.env.PATH, HOME: home, FAIRLEAD_HOME: join(home, 'fairlead') };
  const child = spawn(command, args, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
    for (const look of waiting) look();
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    stderrHas: (text) =>
      new Promise((done) => {
        const look = (): void => {
          if (stderr.includes(text)) done();
        };
        waiting.add(look);
        look();
      }),
  };
}

t.test('through a symlink and from another folder', async (t) => {
  const home = t.testdir();
  symlinkSync(join(BIN, 'fairlead'), join(home, 'f1'));
  symlinkSync('f1', join(home, 'f2'));
  t.same(await start(home, join(home, 'f2'), ['--version']).ended, {
    code: 0,
    stdout: '0.1.0\n',
    stderr: '',
  });
});

t.test('as a kubectl plugin it calls itself kubectl fairlead', async (t) => {
  const { stdout, code } = await start(t.testdir(), join(BIN, 'kubectl-fairlead'), ['--help']).ended;
  t.equal(code, 0);
  t.match(stdout, /^Usage: kubectl fairlead /);
});

t.test('usage errors are 2, with nothing on stdout', async (t) => {
  for (const args of [['nope'], ['proxy'], ['proxy', '-n', 'a', '--port', '70000'], []]) {
    const { code, stdout, stderr } = await start(t.testdir(), join(BIN, 'fairlead'), args).ended;
    t.equal(code, 2, args.join(' '));
    t.equal(stdout, '');
    t.not(stderr, '');
  }
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`proxy ends with 0 on ${signal}`, async (t) => {
    const relay = await new FakeRelay().start();
    t.teardown(() => relay.stop());
    const home = t.testdir();
    writeFileSync(join(home, 'token'), 'a.b');
    const args = [
      'proxy',
      '-n',
      'demo',
      '--relay',
      relay.url,
      '--token-file',
      join(home, 'token'),
      '--port',
      '0',
    ];
    const { ended, stderrHas, kill } = start(home, join(BIN, 'fairlead'), args);
    await stderrHas('Press Ctrl+C');
    kill(signal);
    t.match(await ended, { code: 0, stdout: '' });
  });
}

t.test('login that is interrupted ends with 130', async (t) => {
  const relay = await new FakeRelay().start();
  t.teardown(() => relay.stop());
  const { ended, stderrHas, kill } = start(t.testdir(), join(BIN, 'fairlead'), [
    'login',
    '--relay',
    relay.url,
    '--no-browser',
  ]);
  await stderrHas('To sign in, open');
  kill('SIGINT');
  t.match(await ended, { code: 130, stdout: '' });
});
