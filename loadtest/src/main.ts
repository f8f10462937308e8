/** `npm run bench`: direct, through a plain Go proxy, and through relay and agent, interleaved in one run. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildDriver, Driver } from './driver.ts';
import { floors } from './floors.ts';
import { Processes } from './processes.ts';
import { realUpstream } from './real-cluster.ts';
import { report } from './report.ts';
import { Rounds } from './results.ts';
import { OBJECT, REAL_OBJECT, SCENARIOS, type Scenario } from './scenarios.ts';
import { Setup, type Paths } from './setup.ts';
import { stalledReaders } from './stalled.ts';

const QUICK = { rounds: 3, seconds: 0.6 };
const FULL = { rounds: 5, seconds: 3 };
const WARM_SECONDS = 2;
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));
const NAMES = [...SCENARIOS.map(({ name }) => name), 'stalled'];

const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`);
const { quick, only, profile } = flags();
const processes = new Processes();
const cleanups: (() => unknown)[] = [];
let ending: Promise<void> | undefined;

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => void end().then(() => process.exit(code)));
}

try {
  await main();
  await end();
} catch (error) {
  // A run that is being ended fails for that reason alone.
  if (ending) await ending;
  else {
    await end();
    say((error as Error).message);
    process.exitCode = 1;
  }
}

async function main(): Promise<void> {
  const { rounds: count, seconds } = quick ? QUICK : FULL;
  const wanted = SCENARIOS.filter(({ name }) => !only || only.includes(name));
  const driver = new Driver(await buildDriver(), processes);
  const setup = await Setup.create(processes, driver, profileArgs);
  cleanups.push(() => setup.close());
  const stub = await setup.paths(await setup.stub());
  const rounds = new Rounds();
  await warmUp(driver, stub, OBJECT);
  // First, while the relay's memory has not grown by anything else.
  if (!only || only.includes('stalled')) {
    say('stalled readers');
    for (const path of [stub.front, stub.ours])
      rounds.add('stalled', path.name, await stalledReaders(driver, path, seconds * 2));
  }
  const onStub = wanted.filter(({ upstream }) => upstream !== 'real');
  await measure(driver, onStub, stub, rounds, count, seconds);
  // Last, so that a control plane's own work is not on the machine before.
  const onReal = wanted.filter(({ upstream }) => upstream === 'real');
  const real = onReal.length > 0 ? await realPaths(setup) : undefined;
  if (real) {
    await warmUp(driver, real, REAL_OBJECT);
    await measure(driver, onReal, real, rounds, count, seconds);
  }
  const medians = rounds.medians();
  const reached = floors(medians);
  process.stdout.write(`${report(medians, reached)}\n`);
  mkdirSync(RESULTS, { recursive: true });
  const run = {
    at: new Date().toISOString(),
    quick,
    node: process.version,
    cpu: `${cpus().length} x ${cpus()[0]?.model}`,
    medians,
    floors: reached,
    rounds: rounds.all(),
  };
  writeFileSync(`${RESULTS}latest.json`, `${JSON.stringify(run, undefined, 2)}\n`);
}

/** A round that is not counted: the relay's and the agent's code is compiled while it runs hot. */
async function warmUp(driver: Driver, { front, ours }: Paths, target: string): Promise<void> {
  for (const path of [front, ours]) {
    await driver.drive(path, { mode: 'closed', seconds: WARM_SECONDS, connections: 16, target });
  }
}

/** Path after path within a scenario, so that what else the machine does hits all of them alike. */
async function measure(
  driver: Driver,
  scenarios: Scenario[],
  paths: Paths,
  rounds: Rounds,
  count: number,
  seconds: number,
): Promise<void> {
  if (scenarios.length === 0) return;
  for (let round = 1; round <= count; round++) {
    say(`round ${round} of ${count}: ${scenarios.map(({ name }) => name).join(', ')}`);
    for (const scenario of scenarios) {
      const order = round % 2 === 1 ? scenario.paths : scenario.paths.toReversed();
      for (const name of order) {
        rounds.add(scenario.name, name, await scenario.run(driver, paths[name], seconds));
      }
    }
  }
}

async function realPaths(setup: Setup): Promise<Paths | undefined> {
  try {
    const { cluster, upstream } = await realUpstream(setup.dir, say);
    cleanups.unshift(() => cluster.stop());
    return await setup.paths(upstream);
  } catch (error) {
    say(`no real kube-apiserver, its scenario is left out: ${(error as Error).message}`);
    return undefined;
  }
}

function end(): Promise<void> {
  ending ??= (async () => {
    await processes.stop();
    for (const cleanup of cleanups) await cleanup();
  })();
  return ending;
}

function profileArgs(role: string): string[] {
  return profile === undefined
    ? []
    : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${role}-${Date.now()}.cpuprofile`];
}

function flags(): { quick: boolean; only: string[] | undefined; profile: string | undefined } {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        profile: { type: 'string' },
      },
    });
    const unknown = values.only?.find((name) => !NAMES.includes(name));
    if (unknown !== undefined) throw new Error(`no scenario '${unknown}'; one of: ${NAMES.join(', ')}`);
    return { quick: values.quick, only: values.only, profile: values.profile };
  } catch (error) {
    say((error as Error).message);
    say('usage: npm run bench -- [--quick] [--only NAME]... [--profile DIR]');
    process.exit(2);
  }
}
