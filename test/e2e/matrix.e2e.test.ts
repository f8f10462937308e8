/** What kubectl can do, on a real control plane, straight and through the relay: the same output and the same exit code. */

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { findKubectls, kubectlOnTerminal } from '@fairlead/testbed/cluster/index';
import t, { type Test } from 'tap';
import * as cases from './support/cases.ts';
import { Pair } from './support/pair.ts';
import { startEndToEnd } from './support/stage.ts';

const NEWEST = 36;
const MB = 1_000_000;
/** kubectl before this minor version takes only the host of its server for `get --raw`, not the path below it. */
const RAW_KEEPS_PREFIX = 34;
/** The first minor version that can exec over WebSocket. */
const SPEAKS_WEBSOCKET = 29;

const all = await startEndToEnd();
t.teardown(() => all[Symbol.asyncDispose]());
const kubectls = await findKubectls();
const protocols = ['false', 'true'].map((value) => ({
  name: value === 'true' ? 'WebSocket' : 'SPDY',
  env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: value, KUBECTL_PORT_FORWARD_WEBSOCKETS: value },
}));

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function copy(t: Test, pair: Pair, env: cases.Env, name: string, bytes: number): Promise<void> {
  const dir = t.testdir();
  const content = randomBytes(bytes);
  await writeFile(join(dir, 'there'), content);
  const sum = createHash('sha256').update(content).digest('hex');
  const options = { env, cwd: dir, timeoutMs: 120_000 };
  await pair.compare(t, 'cp there', ['cp', 'there', `main:${name}`], options);
  await pair.compare(t, 'cp there: sum', ['exec', 'main', '--', 'sh', '-c', `sha256sum < ${name}`]);
  await pair.compare(t, 'cp back', (lane) => ['cp', `main:${name}`, cases.fileOf(lane, name)], options);
  const sums = await pair.both((lane) => sha256(join(dir, cases.fileOf(lane, name))));
  t.same(sums, [sum, sum], `cp: ${bytes} bytes came back as they went`);
}

async function terminal(t: Test, pair: Pair, env: cases.Env, binary: string): Promise<void> {
  const screens = await pair.both(async (lane) => {
    const args = ['-n', lane.namespace, 'exec', '-it', 'main', '--', 'sh'];
    const screen = await kubectlOnTerminal(lane.side.kubeconfig, args, {
      env,
      binary,
      columns: 77,
      rows: 33,
    });
    t.teardown(() => screen.kill());
    screen.type("stty size; echo re''ady\r");
    await screen.shown('ready');
    await screen.shown('33 77');
    screen.resize(120, 40);
    screen.type("while [ \"$(stty size)\" != '40 120' ]; do sleep 0.1; done; echo resi''zed\r");
    await screen.shown('resized');
    screen.type('exit 5\r');
    return screen.ended;
  });
  t.same(screens, [5, 5], 'exec -it: sizes of the terminal arrive, and the exit code returns');
}

/** alice is who she is on both sides; what is compared above this is that kubectl says the same of her. */
t.test('the API server sees alice', async (t) => {
  const pair = await Pair.create(all, 'who', {});
  const { stdout } = await pair.compare(t, 'auth whoami', ['auth', 'whoami']);
  t.match(stdout, 'alice@fairlead.example');
  t.match(stdout, 'system:authenticated');
});

for (const { path: binary, version, minor } of kubectls) {
  const newest = minor === NEWEST;
  t.test(`kubectl ${version}: objects and discovery`, async (t) => {
    const pair = await Pair.create(all, `${minor}-objects`, { binary });
    await cases.objects(t, pair, newest);
    await cases.discovery(t, pair, newest);
    if (newest) await cases.watch(t, pair, binary);
    if (newest) await cases.proxy(t, pair, binary);
    if (minor >= RAW_KEEPS_PREFIX) await cases.rawPaths(t, pair);
  });
  for (const { name, env } of protocols) {
    if (name === 'WebSocket' && minor < SPEAKS_WEBSOCKET) continue; // the variables mean nothing to it
    t.test(`kubectl ${version}: streams over ${name}`, async (t) => {
      const pair = await Pair.create(all, `${minor}-${name.toLowerCase()}`, { binary });
      await cases.runMain(pair);
      await cases.exec(t, pair, env, newest);
      await cases.portForward(t, pair, env, binary, newest ? 50 : 5);
      await copy(t, pair, env, 'file', newest ? 100 * MB : 5 * MB);
      if (newest) {
        await terminal(t, pair, env, binary);
        await cases.attach(t, pair, env);
        await cases.logs(t, pair);
      }
      await pair.remove();
    });
  }
}
