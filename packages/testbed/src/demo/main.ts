/** `npm run demo`: the whole of Fairlead on this machine, walked through in front of the user. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDemoOptions, USAGE, UsageError, type DemoOptions } from './options.ts';
import { raise, type Stage } from './stage.ts';
import { Walk } from './walk.ts';

const PEOPLE = ['alice', 'bob', 'mallory', 'admin'] as const;
const say = (line: string): void => void process.stderr.write(`demo: ${line}\n`);

process.exitCode = await main(process.argv.slice(2));
process.exit();

async function main(args: string[]): Promise<number> {
  let options: DemoOptions | 'help';
  try {
    options = parseDemoOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`demo: ${error.message}\n${USAGE}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve('interrupted'));
  });
  const stage = await Promise.race([raise(options, say), interrupted]).catch((error: unknown) => {
    say((error as Error).message);
    return undefined;
  });
  if (stage === undefined) return 1;
  if (stage === 'interrupted') return 130;
  try {
    const walked = await Promise.race([new Walk(stage).all(options.agents), interrupted]);
    if (walked === 'interrupted') return 130;
    await writeDemoJson(stage);
    if (options.check) {
      say('every step gave what it must');
      return 0;
    }
    stayUp(stage);
    await interrupted;
    return 0;
  } catch (error) {
    say(`this step failed: ${(error as Error).message}`);
    return 1;
  } finally {
    say('stopping everything');
    await stage.stop();
  }
}

/** What scripts rely on, as in the contract; written last, when all is up. */
async function writeDemoJson(stage: Stage): Promise<void> {
  const file = (name: string): string => join(stage.dir, name);
  for (const person of PEOPLE) {
    writeFileSync(file(`${person}.token`), await stage.issuer.mint(person), { mode: 0o600 });
  }
  const named = (names: readonly string[], suffix: string): Record<string, string> =>
    Object.fromEntries(names.map((name) => [name, file(`${name}.${suffix}`)]));
  const demo = {
    relays: [{ url: stage.relayUrl, adminUrl: stage.adminUrl, pid: stage.relay.pid }],
    ca: stage.caFile,
    cluster: 'demo',
    apiServer: { url: stage.target.url, pid: stage.target.pid },
    agents: stage.agents.map(({ pid }) => ({ pid })),
    issuer: { url: stage.issuer.url },
    kubeconfigs: {
      direct: stage.target.kubeconfig,
      ...named(['alice', 'bob', 'mallory', 'serviceAccount'], 'kubeconfig'),
    },
    tokens: { ...named(PEOPLE, 'token'), serviceAccount: file('demo-user.token') },
  };
  writeFileSync(file('demo.json'), `${JSON.stringify(demo, undefined, 2)}\n`, { mode: 0o600 });
}

function stayUp(stage: Stage): void {
  process.stdout.write(
    [
      '',
      'All is up. In another shell:',
      `  export KUBECONFIG=${join(stage.dir, 'alice.kubeconfig')}`,
      '  kubectl get pods -A',
      '',
      'Ctrl+C ends the demo and leaves nothing running.',
      '',
    ].join('\n'),
  );
}
