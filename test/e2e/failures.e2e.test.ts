/** What breaks or bears down on Fairlead, on a real control plane: users see the end of it, and the next request works. */

import { renameSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { kubectl, kubectlOk } from '@fairlead/testbed/cluster/index';
import t from 'tap';
import { RelayClient, sees } from './support/http.ts';
import { configMap } from './support/objects.ts';
import { startEndToEnd } from './support/stage.ts';

const KUBECTLS = 200;
/** kubectls at once, for the memory of small machines. */
const KUBECTLS_AT_ONCE = 40;
const WATCHES = 500;
/** Watches that begin at once; all of them are then open together. */
const WATCHES_AT_ONCE = 50;
const SMALL_GETS = 200;
const LIST_MAPS = 40;
const LIST_MAP_BYTES = 500_000;
const BACK_WITHIN_MS = 2000;

const all = await startEndToEnd();
t.teardown(() => all[Symbol.asyncDispose]());
const client = new RelayClient(all);
const maps = '/api/v1/namespaces/default/configmaps';

t.test('a killed agent that comes back serves the next request at once', async (t) => {
  const watch = await client.open(`${maps}?watch=1`);
  const ended = endOf(watch);
  await all.killAgent();
  await ended;
  t.equal(watch.complete, false, 'the watch was cut and does not look as if it had ended well');
  const meanwhile = await client.send('/version');
  t.equal(meanwhile.status, 503, 'without an agent requests are refused');
  t.equal((JSON.parse(meanwhile.body) as { kind: string }).kind, 'Status');
  await all.startAgent();
  const started = performance.now();
  const answer = await client.eventually('/version', BACK_WITHIN_MS);
  t.equal(answer?.status, 200);
  t.ok(performance.now() - started < BACK_WITHIN_MS, 'within two seconds of its return');
});

t.test('an API server that dies ends the watch, and serves again when it is back', async (t) => {
  const watch = await client.open(`${maps}?watch=1`);
  const ended = endOf(watch);
  const restarted = all.cluster.restartApiServer({ signal: 'SIGKILL' });
  await ended;
  t.equal(watch.complete, false, 'the watch was cut');
  await restarted;
  t.equal((await client.send('/api/v1/namespaces')).status, 200);
  const kubectlWorks = await kubectl(all.relayed.kubeconfig, ['get', 'namespaces']);
  t.equal(kubectlWorks.code, 0, kubectlWorks.stderr);
});

t.test("the agent's rotated token is used when the old one is refused", async (t) => {
  const admin = (args: string[]) => kubectlOk(all.cluster.kubeconfig, ['-n', 'fairlead', ...args]);
  const { stdout: token } = await admin(['create', 'token', 'agent']);
  const file = join(all.stage.dir, 'agent.token');
  const put = (text: string): void => {
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  put('not-a-token');
  // The agent reads the file again within a second.
  const refused = await until(
    () => client.send('/version'),
    ({ status }) => status !== 200,
  );
  t.not(refused.status, 200, 'a bad token is noticed without a restart');
  put(token);
  const accepted = await until(
    () => client.send('/version'),
    ({ status }) => status === 200,
  );
  t.equal(accepted.status, 200, 'and so is a good one');
});

t.test(`${KUBECTLS} kubectls, ${KUBECTLS_AT_ONCE} at once`, async (t) => {
  await kubectlOk(all.relayed.kubeconfig, ['get', 'namespaces']); // fills kubectl's cache
  let left = KUBECTLS;
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const { code, stdout, stderr } = await kubectl(all.relayed.kubeconfig, ['get', 'ns']);
      if (code !== 0 || !stdout.includes('kube-system')) failures.push(`${code}: ${stderr}`);
    }
  };
  await Promise.all(Array.from({ length: KUBECTLS_AT_ONCE }, work));
  t.same(failures, []);
});

t.test(`${WATCHES} watches on one agent all see an event`, async (t) => {
  const watches: IncomingMessage[] = [];
  const refusals: string[] = [];
  while (watches.length < WATCHES) {
    const open = () => client.open(`${maps}?watch=1&fieldSelector=metadata.name%3Dnews`);
    watches.push(...(await Promise.all(Array.from({ length: WATCHES_AT_ONCE }, open))));
  }
  for (const watch of watches) {
    if (watch.statusCode !== 200) refusals.push(`${watch.statusCode}: ${await text(watch)}`);
  }
  t.same(refusals, [], 'all of them are answered');
  if (refusals.length > 0) return;
  const seen = Promise.all(watches.map((watch) => sees(watch, '"name":"news"')));
  t.equal((await client.send(maps, configMap('news', { k: 'v' }))).status, 201);
  await seen;
  for (const watch of watches) watch.destroy();
  t.equal((await client.send('/version')).status, 200, 'and after they are gone requests go on');
});

t.test(`a large list that nobody reads does not hold up ${SMALL_GETS} small requests`, async (t) => {
  const many = Array.from({ length: LIST_MAPS }, (_, index) =>
    configMap(`big-${index}`, { k: 'x'.repeat(LIST_MAP_BYTES) }),
  );
  for (const map of many) t.equal((await client.send(maps, map)).status, 201);
  const stalled = await client.open(maps);
  t.equal(stalled.statusCode, 200);
  const times: number[] = [];
  let left = SMALL_GETS;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const started = performance.now();
      const { status } = await client.send(`${maps}/news`);
      if (status === 200) times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  t.equal(times.length, SMALL_GETS, 'all of them are answered');
  t.comment(`slowest of the small: ${Math.max(...times).toFixed(0)} ms`);
  t.equal(stalled.complete, false, 'while the list was not through');
  let length = 0;
  for await (const chunk of stalled) length += (chunk as Buffer).length;
  t.ok(length > LIST_MAPS * LIST_MAP_BYTES, 'then it comes whole');
  t.equal(stalled.complete, true);
});

async function until<T>(ask: () => Promise<T>, done: (answer: T) => boolean, timeoutMs = 20_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (done(answer) || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Reads to the end, whichever way it comes. */
function endOf(response: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    response
      .on('error', () => undefined)
      .once('close', resolve)
      .resume();
  });
}
