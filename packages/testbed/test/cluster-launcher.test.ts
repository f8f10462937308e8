// The launcher's parts that need no cluster.
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { Component } from '../src/cluster/component.ts';
import { findGo, isRecent } from '../src/cluster/go.ts';
import { withLock } from '../src/cluster/lock.ts';
import { freePorts } from '../src/cluster/ports.ts';

t.test('a Go is recent enough from 1.26 on', async (t) => {
  for (const version of ['go1.26', 'go1.26.8', 'go1.27rc1', 'go2.0']) t.ok(isRecent(version), version);
  for (const version of ['go1.25.9', 'go1.9', 'devel', '']) t.notOk(isRecent(version), version);
});

t.test('without Go the error says what to install', async (t) => {
  const { PATH, GOROOT, HOME } = process.env;
  t.teardown(() => Object.assign(process.env, { PATH, HOME }, GOROOT === undefined ? {} : { GOROOT }));
  // A directory that does not exist fails every candidate, also those at fixed places.
  await t.rejects(findGo(join(t.testdir(), 'absent')), {
    code: 'ERR_TESTBED_GO_MISSING',
    message: /Go 1\.26 or newer/,
  });
});

t.test('a lock lets one in at a time', async (t) => {
  const file = join(t.testdir(), 'lock');
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withLock(file, () => undefined, work)));
  t.equal(most, 1);
});

t.test('a lock whose holder has died is taken over', async (t) => {
  const file = join(t.testdir(), 'lock');
  await writeFile(file, '999999999');
  t.equal(
    await withLock(
      file,
      () => undefined,
      async () => 'in',
    ),
    'in',
  );
});

t.test('free ports are distinct and nobody listens on them', async (t) => {
  const ports = await freePorts(5);
  t.equal(new Set(ports).size, 5);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(ports[0], '127.0.0.1', resolve));
  t.equal((server.address() as AddressInfo).port, ports[0]);
  server.close();
});

t.test('a component that ends says how, with the end of its log', async (t) => {
  const logFile = join(t.testdir(), 'log');
  const ended: string[] = [];
  const spec = { name: 'broken', binary: '/bin/sh', args: ['-c', 'echo the reason; exit 7'], logFile };
  const component = new Component(spec, (c) => ended.push(c.name));
  await t.rejects(component.failure(), {
    code: 'ERR_TESTBED_COMPONENT_FAILED',
    message: /broken ended \(7\)[\s\S]*the reason/,
  });
  t.same(ended, ['broken']);
});

t.test('a component that does not exist fails the same way', async (t) => {
  const logFile = join(t.testdir(), 'log');
  const component = new Component({ name: 'absent', binary: '/absent', args: [], logFile }, () => undefined);
  await t.rejects(component.failure(), { code: 'ERR_TESTBED_COMPONENT_FAILED', message: /not started/ });
  t.equal(component.pid, 0);
  await component.stop();
});
