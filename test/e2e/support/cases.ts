/** The commands of the matrix: each group of them runs on both sides of a pair and compares. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { spawnKubectl } from '@fairlead/testbed/cluster/index';
import { configMap, list, pod } from './objects.ts';
import type { Asserts, Lane, Pair } from './pair.ts';

export type Env = Record<string, string>;

/** get, describe, apply and what else changes or reads objects. */
export async function objects(t: Asserts, pair: Pair, isWhole: boolean): Promise<void> {
  const made = list(configMap('a', { k: '1' }), configMap('b', { k: '1' }));
  const changed = list(configMap('a', { k: '2' }), configMap('b', { k: '1' }));
  await pair.compare(t, 'create', ['create', '-f', '-'], { input: list(configMap('c', { k: '1' })) });
  await pair.compare(t, 'create what is there', ['create', '-f', '-'], {
    input: list(configMap('c', { k: '1' })),
    code: 1,
  });
  await pair.compare(t, 'apply', ['apply', '-f', '-'], { input: made });
  await pair.compare(t, 'apply server-side', ['apply', '--server-side', '-f', '-'], {
    input: list(configMap('s', { k: '1' })),
  });
  const other = ['apply', '--server-side', '--field-manager=other', '-f', '-'];
  const conflict = list(configMap('s', { k: '2' }));
  await pair.compare(t, 'apply server-side in conflict', other, { input: conflict, code: 1 });
  await pair.compare(t, 'apply of nonsense', ['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'UPPER' } }),
    code: 1,
  });
  await pair.compare(t, 'diff', ['diff', '-f', '-'], { input: changed, code: 1 });
  await pair.compare(t, 'diff of nothing', ['diff', '-f', '-'], { input: made });
  await pair.compare(t, 'get', ['get', 'configmaps', '-l', 'kind=test']);
  await pair.compare(t, 'get wide and labels', ['get', 'configmaps', '-o', 'wide', '--show-labels']);
  await pair.compare(t, 'get yaml', ['get', 'configmap', 'a', '-o', 'yaml', '--show-managed-fields']);
  await pair.compare(t, 'get json', ['get', 'configmap', 'b', '-o', 'json']);
  await pair.compare(t, 'get what is not there', ['get', 'configmap', 'none'], { code: 1 });
  await pair.compare(t, 'get of no kind', ['get', 'nosuchkind'], { code: 1 });
  await pair.compare(t, 'describe', ['describe', 'configmap', 'a']);
  await pair.compare(t, 'patch', ['patch', 'configmap', 'a', '-p', '{"data":{"k":"3"}}']);
  await pair.compare(
    t,
    'patch json',
    ['patch', 'configmap', 'a', '--type=json', '-p', '[{"op":"remove","path":"/data/none"}]'],
    { code: 1 },
  );
  if (!isWhole) return;
  await pair.compare(t, 'label', ['label', 'configmap', 'a', 'colour=blue']);
  await pair.compare(t, 'wait', ['wait', 'configmap/a', '--for=jsonpath={.data.k}=3', '--timeout=20s']);
  await pair.compare(
    t,
    'wait in vain',
    ['wait', 'configmap/a', '--for=jsonpath={.data.k}=9', '--timeout=1s'],
    {
      code: 1,
    },
  );
  await pair.compare(t, 'delete', ['delete', 'configmap', 'b']);
  await pair.compare(t, 'delete by label', ['delete', 'configmap', '-l', 'kind=test']);
  await pair.compare(t, 'delete what is gone', ['delete', 'configmap', 'b'], { code: 1 });
}

/** What says who one is, what one may and what there is. */
export async function discovery(t: Asserts, pair: Pair, isWhole: boolean): Promise<void> {
  await pair.compare(t, 'api-resources', ['api-resources']);
  if (!isWhole) return;
  await pair.compare(t, 'api-versions', ['api-versions']);
  await pair.compare(t, 'version', ['version']);
  await pair.compare(t, 'explain', ['explain', 'pod.spec.containers.ports']);
  await pair.compare(t, 'auth can-i --list', ['auth', 'can-i', '--list']);
  await pair.compare(t, 'auth can-i', ['auth', 'can-i', 'delete', 'nodes']);
  await pair.compare(t, 'top', ['top', 'pods'], { code: 1 });
  await pair.compare(t, 'top nodes', ['top', 'nodes'], { code: 1 });
  await pair.compare(t, 'get namespaces', ['get', 'namespace', 'default', 'kube-system', '-o', 'yaml']);
  await pair.compare(t, 'get nodes wide', ['get', 'nodes', '-o', 'wide']);
}

/** Paths as someone may type them, below the API server's URL. */
export async function rawPaths(t: Asserts, pair: Pair): Promise<void> {
  await pair.both((lane) => lane.ok(['create', 'configmap', 'raw', '--from-literal=k=v']));
  const paths: [string, number][] = [
    ['/version', 0],
    ['/readyz?verbose&exclude=etcd', 0],
    ['/api/v1/namespaces/NS/configmaps/raw', 0],
    ['/api/v1/namespaces/NS/configmaps?labelSelector=a%3Db%2Cc%21%3Dd&limit=1', 0],
    ['/api/v1/namespaces/NS/configmaps?fieldSelector=metadata.name%3Draw', 0],
    ['/api/v1/namespaces/NS/configmaps?limit=1&limit=2&x=%20+%2B', 0],
    ['/api/v1/namespaces/NS/configmaps/%72aw', 0],
    ['/api/v1/namespaces/NS/configmaps/r%2Faw', 1],
    ['/api/v1/namespaces/NS/configmaps/', 0],
    ['/no/such/path', 1],
    ['/api/v1/nosuch', 1],
    ['/apis', 0],
  ];
  for (const [path, code] of paths) {
    await pair.compare(
      t,
      `get --raw ${path}`,
      (lane) => ['get', '--raw', path.replace('NS', lane.namespace)],
      {
        code,
      },
    );
  }
}

/** Pods `main` (an echo server that one can also exec in) up on both sides. */
export async function runMain(pair: Pair): Promise<void> {
  const input = list(pod('main', ['fairlead-pod', 'echo-server', '--port=8080', '--greeting=hello']));
  await pair.both(async (lane) => {
    await lane.ok(['apply', '-f', '-'], { input });
    await lane.ok(['wait', 'pod/main', '--for=condition=Ready', '--timeout=60s']);
  });
}

/** exec without a terminal: outputs, input to its end, exit codes. */
export async function exec(t: Asserts, pair: Pair, env: Env, isWhole: boolean): Promise<void> {
  const run = (name: string, args: string[], code: number, input?: string) =>
    pair.compare(
      t,
      `exec: ${name}`,
      ['exec', ...(input === undefined ? [] : ['-i']), 'main', '--', ...args],
      {
        env,
        code,
        ...(input === undefined ? {} : { input }),
      },
    );
  for (const code of [0, 1, 7]) await run(`exit code ${code}`, ['sh', '-c', `exit ${code}`], code);
  await run('a signal', ['sh', '-c', 'kill -9 $$'], 137);
  await run('both outputs', ['sh', '-c', 'echo out; echo err >&2; exit 3'], 3);
  await run('a command that is not there', ['absent-command'], 1);
  const read = await run('input to its end', ['sh', '-c', 'cat; echo end'], 0, 'in\n');
  t.equal(read.stdout, 'in\nend\n', 'exec: all of the input came back');
  if (!isWhole) return;
  const much = await run('1 MB of output', ['sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" x'], 0);
  t.equal(much.stdout.length, 1_000_000, 'exec: all of the output came');
  await pair.compare(t, 'exec: no such pod', ['exec', 'none', '--', 'true'], { env, code: 1 });
}

/** attach to a process that reads one line and ends. */
export async function attach(t: Asserts, pair: Pair, env: Env): Promise<void> {
  const name = 'attach';
  const input = list(pod(name, ['sh', '-c', 'read line; echo got $line; exit 9'], { stdin: true }));
  await pair.both(async (lane) => {
    await lane.ok(['apply', '-f', '-'], { input });
    await lane.ok(['wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s']);
  });
  const { stdout } = await pair.compare(t, 'attach', ['attach', '-i', name], { env, input: 'word\n' });
  t.equal(stdout, 'got word\n', 'attach: the answer came');
  await pair.compare(t, 'wait for the end', [
    'wait',
    `pod/${name}`,
    '--for=jsonpath={.status.phase}=Failed',
    '--timeout=30s',
  ]);
}

/** logs whole and in part, and followed to the end that comes while they are followed. */
export async function logs(t: Asserts, pair: Pair): Promise<void> {
  const script = 'echo one; while [ ! -e go ]; do sleep 0.1; done; echo two; printf three';
  const input = list(pod('logs', ['sh', '-c', script]));
  const followed = await pair.both(async (lane) => {
    await lane.ok(['apply', '-f', '-'], { input });
    await lane.ok(['wait', 'pod/logs', '--for=condition=Ready', '--timeout=60s']);
    const child = await spawnKubectl(lane.side.kubeconfig, ['-n', lane.namespace, 'logs', '-f', 'logs']);
    const ended = once(child, 'close');
    let output = '';
    for await (const chunk of child.stdout as Readable) {
      if (output === '') await lane.ok(['exec', 'logs', '--', 'touch', 'go']);
      output += String(chunk);
    }
    const [code] = (await ended) as [number | null];
    return { output, code };
  });
  t.same(followed[1], { output: 'one\ntwo\nthree', code: 0 }, 'logs -f: all of it to the end');
  t.same(followed[0], followed[1], 'logs -f: as direct');
  await pair.compare(t, 'logs', ['logs', 'logs']);
  await pair.compare(t, 'logs --tail', ['logs', 'logs', '--tail=1']);
  await pair.compare(t, 'logs --limit-bytes', ['logs', 'logs', '--limit-bytes=5']);
  await pair.compare(t, 'logs --timestamps', ['logs', 'logs', '--timestamps']);
  await pair.compare(t, 'logs of no pod', ['logs', 'none'], { code: 1 });
}

/** A watch sees what is made, changed and deleted after it began, in this order. */
export async function watch(t: Asserts, pair: Pair, binary: string): Promise<void> {
  const seen = await pair.both(async (lane) => {
    await lane.ok(['create', 'configmap', 'first', '--from-literal=k=1', '-o', 'name']);
    const args = ['-n', lane.namespace, 'get', 'configmaps', '-w', '--output-watch-events', '-o', 'name'];
    const child = await spawnKubectl(
      lane.side.kubeconfig,
      [...args, '--field-selector=metadata.name!=kube-root-ca.crt'],
      {
        binary,
      },
    );
    const steps = [
      ['create', 'configmap', 'second', '--from-literal=k=1'],
      ['patch', 'configmap', 'second', '-p', '{"data":{"k":"2"}}'],
      ['delete', 'configmap', 'second'],
    ];
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout as Readable })) {
      lines.push(line.replaceAll(/\s+/g, ' '));
      const step = steps.shift();
      if (step === undefined) break;
      await lane.ok(step);
    }
    child.kill();
    await once(child, 'close');
    return lines;
  });
  t.same(seen[1], seen[0], 'watch: the same events through the relay');
}

/** `count` connections side by side, each of which ends its half before the echo has come back. */
export async function portForward(
  t: Asserts,
  pair: Pair,
  env: Env,
  binary: string,
  count: number,
): Promise<void> {
  const results = await pair.both(async (lane) => {
    const child = await spawnKubectl(
      lane.side.kubeconfig,
      ['-n', lane.namespace, 'port-forward', 'pod/main', ':8080'],
      {
        env,
        binary,
      },
    );
    const port = await portOf(child.stdout as Readable);
    const echoes = Array.from({ length: count }, (_, index) => echo(port, `${index} `.repeat(5000)));
    const good = (await Promise.all(echoes)).filter(Boolean).length;
    const page = await (await fetch(`http://127.0.0.1:${port}/path`)).text();
    child.kill();
    await once(child, 'close');
    return { good, greeting: page.split('\n')[0] };
  });
  for (const [index, name] of ['direct', 'relayed'].entries()) {
    t.same(results[index], { good: count, greeting: 'hello' }, `port-forward: ${count} connections, ${name}`);
  }
}

/**
 * kubectl's own proxy, and a GET, a POST and an error through it. Without --append-server-path kubectl drops the path of
 * its server, whatever the server.
 */
export async function proxy(t: Asserts, pair: Pair, binary: string): Promise<void> {
  const answers = await pair.both(async (lane) => {
    const child = await spawnKubectl(lane.side.kubeconfig, ['proxy', '--port=0', '--append-server-path'], {
      binary,
    });
    const port = await portOf(child.stdout as Readable);
    const ask = async (path: string, body?: object) => {
      const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers });
      const json = (await answer.json()) as { kind?: string; gitVersion?: string; reason?: string };
      return [answer.status, json.kind ?? json.gitVersion, json.reason];
    };
    const maps = `/api/v1/namespaces/${lane.namespace}/configmaps`;
    const result = [
      await ask('/version'),
      await ask(maps),
      await ask(maps, configMap('proxied', { k: 'v' })),
      await ask(`${maps}/none`),
    ];
    child.kill();
    await once(child, 'close');
    return result;
  });
  t.same(answers[1], answers[0], 'proxy: the same answers through the relay');
  t.same(
    answers[1].map(([status]) => status),
    [200, 200, 201, 404],
    'proxy: statuses',
  );
}

async function portOf(stdout: Readable): Promise<number> {
  const [line] = (await once(createInterface({ input: stdout }), 'line')) as [string];
  return Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
}

async function echo(port: number, message: string): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(message);
  return (await text(socket)) === message;
}

/** The name of a lane's own file. */
export function fileOf(lane: Lane, name: string): string {
  return `${lane.side.name}-${name}`;
}
