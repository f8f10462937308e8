// Situations of writing kubeconfigs: comments kept, foreign entries, lists of files, locks.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { cli, testIo } from './support.ts';

const RELAY = 'https://relay.example.com';

const write = (home: string, ...more: string[]): ReturnType<typeof cli> =>
  cli(testIo(home), 'kubeconfig', '--relay', RELAY, ...more);

function read(
  file: string,
): Record<string, unknown> & { contexts: { name: string; context: { cluster: string } }[] } {
  return parse(readFileSync(file, 'utf8'));
}

t.test('a new file is private and holds cluster, exec user and current context', async (t) => {
  const home = t.testdir();
  const { code, stdout, stderr } = await write(home, '-n', 'demo');
  const file = join(home, '.kube/config');
  t.equal(code, 0, stderr);
  t.equal(stdout, '');
  t.equal(stderr, `Merged "demo" as current context in ${file}\n`);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(read(file), {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'demo',
    clusters: [{ name: 'demo', cluster: { server: `${RELAY}/clusters/demo` } }],
    users: [
      {
        name: 'demo',
        user: {
          exec: {
            apiVersion: 'client.authentication.k8s.io/v1',
            command: '/opt/fairlead/bin/fairlead',
            args: ['get-token', '--relay', RELAY],
            interactiveMode: 'IfAvailable',
            installHint: String,
            env: [{ name: 'FAIRLEAD_HOME', value: `${home}/fairlead` }],
          },
        },
      },
    ],
    contexts: [{ name: 'demo', context: { cluster: 'demo', user: 'demo' } }],
  });
  t.notOk(existsSync(`${file}.lock`));
});

t.test('comments, unknown keys and other entries stay as they were', async (t) => {
  const home = t.testdir();
  const file = join(home, 'config');
  const text = `# mine
apiVersion: v1
kind: Config
clusters:
- name: other # keep
  cluster: {server: 'https://o', x-unknown: 1}
users: []
contexts: []
x-extra: {a: 1}
`;
  writeFileSync(file, text);
  t.equal((await write(home, '-n', 'demo', '-f', file)).code, 0);
  const now = readFileSync(file, 'utf8');
  for (const part of ['# mine', '- name: other # keep', 'x-unknown: 1', 'x-extra:'])
    t.ok(now.includes(part), part);
  t.equal((read(file).clusters as unknown[]).length, 2);
  t.equal((await write(home, '-n', 'demo', '-f', file)).code, 0, 'our own entry is replaced');
  t.equal(readFileSync(file, 'utf8'), now, 'writing twice changes nothing');
});

t.test('a foreign entry of the same name is refused and nothing is written', async (t) => {
  const home = t.testdir();
  const file = join(home, 'config');
  const text = 'users:\n- name: demo\n  user: {token: abc}\n';
  writeFileSync(file, text);
  const refused = await write(home, '-n', 'demo', '-f', file);
  t.match(refused, {
    code: 1,
    stderr: /^error: a different user named "demo" already exists in .*--overwrite\n$/,
  });
  t.equal(readFileSync(file, 'utf8'), text);
  t.equal((await write(home, '-n', 'demo', '-f', file, '--context', 'mine')).code, 0);
  t.equal((await write(home, '-n', 'demo', '-f', file, '--overwrite')).code, 0);
  t.notMatch(readFileSync(file, 'utf8'), /abc/);
});

t.test('an entry of ours for another relay is foreign', async (t) => {
  const home = t.testdir();
  t.equal((await write(home, '-n', 'demo')).code, 0);
  t.equal((await cli(testIo(home), 'kubeconfig', '--relay', 'https://r2.example.com', '-n', 'demo')).code, 1);
});

t.test(
  'of several files in KUBECONFIG, an entry goes where its name is, a new one to the first that exists',
  async (t) => {
    const home = t.testdir({ b: 'current-context: x\n', c: '' });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(home, name)) as [string, string, string];
    t.equal((await write(home, '-n', 'demo', '-f', c)).code, 0);
    const io = testIo(home, { env: { KUBECONFIG: `${a}::${b}:${c}:${b}` } });
    const { code, stderr } = await cli(io, 'kubeconfig', '--relay', RELAY, '-n', 'demo');
    t.equal(code, 0);
    t.match(stderr, c, 'where the context is');
    t.equal(read(b)['current-context'], 'demo', 'the first file with a current context');
    const other = await cli(
      testIo(home, { env: { KUBECONFIG: `${a}:${b}:${c}` } }),
      'kubeconfig',
      '--relay',
      RELAY,
      '-n',
      'two',
    );
    t.match(other.stderr, b);
    t.notOk(existsSync(a));
    const none = testIo(home, { env: { KUBECONFIG: `${a}:${home}/z` } });
    t.match(
      (await cli(none, 'kubeconfig', '--relay', RELAY, '-n', 'two')).stderr,
      `${home}/z`,
      'else the last',
    );
  },
);

t.test('a symlink stays one', async (t) => {
  const home = t.testdir({ real: '' });
  symlinkSync(join(home, 'real'), join(home, 'link'));
  t.equal((await write(home, '-n', 'demo', '-f', join(home, 'link'))).code, 0);
  t.ok(lstatSync(join(home, 'link')).isSymbolicLink());
  t.equal(read(join(home, 'real'))['current-context'], 'demo');
});

t.test('writers in parallel lose nothing', async (t) => {
  const home = t.testdir();
  const names = Array.from({ length: 12 }, (_, i) => `c${i}`);
  const all = await Promise.all(names.map((name) => write(home, '-n', name)));
  t.ok(all.every(({ code }) => code === 0));
  t.same(new Set(read(join(home, '.kube/config')).contexts.map(({ name }) => name)), new Set(names));
});

t.test('a lock of kubectl is waited for', async (t) => {
  const home = t.testdir({ 'config.lock': '' });
  const { rm } = await import('node:fs/promises');
  const writing = write(home, '-n', 'demo', '-f', join(home, 'config'));
  await new Promise((resolve) => setTimeout(resolve, 120));
  t.notOk(existsSync(join(home, 'config')));
  await rm(join(home, 'config.lock'));
  t.equal((await writing).code, 0);
});

t.test('a file that is no kubeconfig, or a folder, is left alone', async (t) => {
  const home = t.testdir({ list: '- 1', broken: 'a: [1' });
  mkdirSync(join(home, 'folder'));
  for (const name of ['list', 'broken']) {
    t.match(await write(home, '-n', 'demo', '-f', join(home, name)), {
      code: 1,
      stderr: /^error: .* is not a kubeconfig: .*\n$/,
    });
  }
  t.match(await write(home, '-n', 'demo', '-f', join(home, 'folder')), {
    code: 1,
    stderr: /cannot be read \(EISDIR\)/,
  });
});

t.test('- prints and writes no file', async (t) => {
  const home = t.testdir();
  const { stdout, stderr } = await write(home, '-n', 'demo', '-f', '-');
  t.match(parse(stdout), { 'current-context': 'demo' });
  t.equal(stderr, '');
  t.notOk(existsSync(join(home, '.kube')));
});

t.test('a cluster name that would leave its place in the URL is refused', async (t) => {
  for (const name of ['a/b', '..', 'A', 'a?b', ''])
    t.equal((await write(t.testdir(), '-n', name)).code, 2, name);
});
