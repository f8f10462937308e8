// The real control plane with real kubectl, all directly: what the same commands must do through a relay.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import {
  findKubectls,
  kubectl,
  kubectlOk,
  kubectlOnTerminal,
  seedWorkloads,
  serviceAccountToken,
  spawnKubectl,
  startCluster,
} from '../src/cluster/index.ts';
import { isAlive } from '../src/cluster/lock.ts';
import { survivors } from './fixtures/survivors.ts';

const cluster = await startCluster({ stateDir: t.testdir() });
t.teardown(() => cluster.stop());
const config = cluster.kubeconfig;
const ok = async (...args: string[]) => (await kubectlOk(config, args)).stdout;
const protocols = ['false', 'true'].map((value) => ({
  name: value === 'true' ? 'WebSocket' : 'SPDY',
  env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: value, KUBECTL_PORT_FORWARD_WEBSOCKETS: value },
}));

async function apply(name: string, container: object, spec: object = {}): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 1,
      ...spec,
      containers: [{ name: 'main', image: 'none', ...container }],
    },
  };
  await kubectlOk(config, ['apply', '-f', '-'], { input: JSON.stringify(pod) });
}

async function running(name: string, container: object): Promise<void> {
  await apply(name, container);
  await ok('wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s');
}

/** The numbers that a pod prints first; it runs a little before it has. In a pod's command `$$` stands for `$`. */
async function numbersFrom(pod: string, count: number): Promise<number[]> {
  const child = await spawnKubectl(config, ['logs', '-f', pod]);
  const numbers: number[] = [];
  for await (const line of createInterface({ input: child.stdout as Readable })) {
    if (numbers.push(Number(line)) === count) break;
  }
  child.kill();
  return numbers;
}

t.test('seeded workloads run in several namespaces', async (t) => {
  await seedWorkloads(cluster);
  const phases = await ok(
    'get',
    'pods',
    '-A',
    '-o',
    'jsonpath={range .items[*]}{.metadata.namespace} {.status.phase}{"\\n"}{end}',
  );
  const lines = phases.trim().split('\n');
  t.ok(lines.every((line) => line.endsWith(' Running')));
  t.same([...new Set(lines.map((line) => line.split(' ')[0]))], ['default', 'payments', 'shop']);
  t.match(await ok('version'), /Server Version: v1\.36\.3/);
});

t.test('a rollout replaces the pods of a deployment', async (t) => {
  await ok('set', 'env', '-n', 'shop', 'deployment/web', 'COLOUR=blue');
  t.match(
    await ok('rollout', 'status', '-n', 'shop', 'deployment/web', '--timeout=60s'),
    /successfully rolled out/,
  );
  const colours = await ok('exec', '-n', 'shop', 'deployment/web', '--', 'sh', '-c', 'echo $COLOUR');
  t.equal(colours, 'blue\n');
});

t.test('the token of a service account Secret is accepted', async (t) => {
  const token = await serviceAccountToken(cluster, 'default', 'demo-user');
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;
  t.match(claims, { iss: 'kubernetes/serviceaccount', sub: 'system:serviceaccount:default:demo-user' });
  t.notOk('exp' in claims);
  const anonymous = join(t.testdir(), 'config');
  await writeFile(anonymous, '');
  const args = [
    '--server',
    cluster.url,
    '--certificate-authority',
    cluster.caFile,
    '--token',
    token,
    'auth',
    'whoami',
  ];
  t.match((await kubectlOk(anonymous, args)).stdout, 'system:serviceaccount:default:demo-user');
  const nobody = await kubectl(anonymous, [...args.slice(0, 4), '--token', 'wrong', 'get', 'ns']);
  t.equal(nobody.code, 1, 'without an identity there is nothing');
});

t.test('exec', async (t) => {
  await running('exec', {
    command: ['sleep', '100000'],
    env: [{ name: 'GREETING', value: 'hi $(HOSTNAME)' }],
  });
  for (const { name, env } of protocols) {
    const exec = (args: string[], input?: string) =>
      kubectl(config, ['exec', '-i', 'exec', '--', ...args], {
        env,
        ...(input === undefined ? {} : { input }),
      });
    for (const code of [0, 1, 7]) {
      t.equal((await exec(['sh', '-c', `exit ${code}`])).code, code, `${name}: exit code ${code}`);
    }
    t.equal((await exec(['sh', '-c', 'kill -9 $$'])).code, 137, `${name}: a signal is 128 and its number`);
    const streams = await exec(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    t.match(streams, { stdout: 'out\n', stderr: /^err\n/, code: 3 }, `${name}: both outputs`);
    t.equal((await exec(['sh', '-c', 'cat; echo end'], 'in\n')).stdout, 'in\nend\n', `${name}: end of input`);
    t.equal((await exec(['sh', '-c', 'echo $GREETING'])).stdout, 'hi exec\n', `${name}: environment`);
    t.equal((await exec(['absent-command'])).code, 1, `${name}: a command that is not there`);
  }
});

t.test('exec on a terminal has its size, follows it and has job control', async (t) => {
  for (const { name, env } of protocols) {
    const terminal = await kubectlOnTerminal(config, ['exec', '-it', 'exec', '--', 'sh'], {
      env,
      columns: 77,
      rows: 33,
    });
    t.teardown(() => terminal.kill());
    // The size follows the start of the command, here as in any cluster.
    const waitForSize = (size: string) =>
      terminal.type(`while [ "$(stty size)" != '${size}' ]; do sleep 0.1; done; echo "size "'${size}'\r`);
    waitForSize('33 77');
    await terminal.shown('size 33 77');
    terminal.resize(120, 40);
    waitForSize('40 120');
    await terminal.shown('size 40 120');
    terminal.type('tr a-z A-Z\rstill here\r');
    await terminal.shown('STILL HERE');
    terminal.type('\u0003');
    await terminal.shown('^C'); // what is typed before the signal is discarded
    terminal.type("echo $? aft''er\r");
    await terminal.shown('130 after');
    terminal.type('exit 5\r');
    t.equal(await terminal.ended, 5, `${name}: exit code`);
  }
});

t.test('attach reads and writes the main process', async (t) => {
  for (const { name, env } of protocols) {
    const pod = `attach-${name.toLowerCase()}`;
    const command = ['sh', '-c', 'read line; echo got $line; exit 9'];
    await apply(pod, { command, stdin: true, stdinOnce: true }, { restartPolicy: 'Never' });
    await ok('wait', `pod/${pod}`, '--for=condition=Ready', '--timeout=60s');
    const attached = await kubectl(config, ['attach', '-i', pod], { env, input: 'word\n' });
    t.match(attached, { stdout: 'got word\n', code: 0 }, name);
    await ok('wait', `pod/${pod}`, '--for=jsonpath={.status.phase}=Failed', '--timeout=20s');
    const code = await ok(
      'get',
      'pod',
      pod,
      '-o',
      'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}',
    );
    t.equal(code, '9');
  }
});

t.test('logs: whole, tail, previous, followed to the end', async (t) => {
  await apply(
    'logs',
    { command: ['sh', '-c', 'echo one; echo two; sleep 2; printf three'] },
    { restartPolicy: 'Never' },
  );
  await ok('wait', 'pod/logs', '--for=condition=Ready', '--timeout=60s');
  t.equal(await ok('logs', 'logs', '--tail=1'), 'two\n');
  t.equal(await ok('logs', '-f', 'logs'), 'one\ntwo\nthree');
  t.equal(await ok('logs', 'logs', '--limit-bytes=5'), 'one\nt');
  t.match(await ok('logs', 'logs', '--timestamps', '--tail=1'), /^\d{4}-\d\d-\d\dT\S+Z three$/);
  await apply('crash', { command: ['sh', '-c', 'echo run; exit 1'] });
  await ok(
    'wait',
    'pod/crash',
    '--for=jsonpath={.status.containerStatuses[0].restartCount}=1',
    '--timeout=20s',
  );
  t.equal(await ok('logs', '--previous', 'crash'), 'run\n');
});

t.test('cp brings 10 MB there and back', async (t) => {
  const dir = t.testdir();
  const bytes = randomBytes(10_000_000);
  await writeFile(join(dir, 'there'), bytes);
  const sum = createHash('sha256').update(bytes).digest('hex');
  for (const { name, env } of protocols) {
    await kubectlOk(config, ['cp', join(dir, 'there'), `exec:${name}`], { env });
    t.match(await ok('exec', 'exec', '--', 'sha256sum', name), sum, `${name}: there`);
    await kubectlOk(config, ['cp', `exec:${name}`, join(dir, name)], { env });
    t.equal(
      createHash('sha256')
        .update(await readFile(join(dir, name)))
        .digest('hex'),
      sum,
      `${name}: back`,
    );
  }
});

t.test('port-forward carries connections side by side, each half by itself', async (t) => {
  for (const { name, env } of protocols) {
    const child = await spawnKubectl(config, ['port-forward', '-n', 'shop', 'service/web', ':80'], { env });
    t.teardown(() => child.kill());
    const [line] = (await once(createInterface({ input: child.stdout as Readable }), 'line')) as [string];
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
    const answers = Array.from({ length: 8 }, async (_, i) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      const message = `${i} `.repeat(50_000);
      socket.end(message); // our half ends at once, the echo must still come whole
      return (await text(socket)) === message;
    });
    t.ok((await Promise.all(answers)).every(Boolean), name);
    const response = await fetch(`http://127.0.0.1:${port}/path`);
    t.match(await response.text(), /^welcome to the shop\nGET \/path HTTP\/1\.1/, `${name}: HTTP`);
    child.kill();
    await once(child, 'exit');
  }
});

t.test('a deleted pod gets its grace, then its processes are gone', async (t) => {
  const command = ['sh', '-c', 'trap "" TERM; echo $$$$; while :; do sleep 0.1; done'];
  await apply('stubborn', { command }, { terminationGracePeriodSeconds: 2 });
  await ok('wait', 'pod/stubborn', '--for=condition=Ready', '--timeout=60s');
  const [pid = 0] = await numbersFrom('stubborn', 1);
  t.ok(isAlive(pid));
  const started = Date.now();
  await ok('delete', 'pod', 'stubborn');
  t.ok(Date.now() - started >= 1_900, 'it had its grace');
  t.same(await survivors([pid]), []);
  t.equal((await kubectl(config, ['get', 'pod', 'stubborn'])).code, 1);
});

t.test('the API server comes back on its port after a kill', async (t) => {
  const before = cluster.pids.apiServer;
  await cluster.restartApiServer({ signal: 'SIGKILL' });
  t.not(cluster.pids.apiServer, before);
  t.match(await ok('get', '--raw', '/readyz'), 'ok');
  await running('after', { command: ['sleep', '1000'] });
});

t.test('the audit log names users, verbs and resources', async (t) => {
  const events = (await readFile(cluster.auditLog, 'utf8')).trim().split('\n').slice(0, -1);
  const exec = events.map((line) => JSON.parse(line) as Record<string, unknown>);
  t.ok(exec.some((event) => JSON.stringify(event['objectRef'] ?? {}).includes('"subresource":"exec"')));
});

t.test('kubectls of several versions are found in order, the built one among them', async (t) => {
  const found = await findKubectls();
  t.same(
    found.map(({ minor }) => minor),
    found.map(({ minor }) => minor).toSorted((a, b) => a - b),
  );
  t.ok(found.some(({ version }) => version === 'v1.36.3'));
});

t.test('stop leaves no process', async (t) => {
  const family = ['sh', '-c', 'echo $$$$; sleep 98764 & echo $!; wait'];
  await running('family', { command: family });
  const pids = [
    ...Object.values(cluster.pids),
    ...(await ok('logs', 'family')).trim().split('\n').map(Number),
  ];
  t.equal(pids.length, 6);
  t.ok(pids.every(isAlive));
  await cluster.stop();
  t.same(await survivors(pids), []);
  t.same(cluster.pids, { etcd: 0, apiServer: 0, controllerManager: 0, node: 0 });
});
