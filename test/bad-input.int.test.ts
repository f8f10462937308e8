/** Wrong configuration, wrong files, wrong relays: one clear line, exit code 1, no stack trace, nothing lost. */

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeCa } from '@fairlead/testbed/certs';
import { startRelayed } from './support/relayed.ts';

const relayed = await startRelayed();
t.teardown(() => relayed[Symbol.asyncDispose]());
const { dir } = relayed;
const relayConfig = JSON.parse(readFileSync(join(dir, 'relay.json'), 'utf8')) as Record<string, unknown>;
const agentConfig = JSON.parse(readFileSync(join(dir, 'agent.json'), 'utf8')) as Record<string, unknown>;

const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text, { mode: 0o600 });
  return join(dir, name);
};

interface Ended {
  code: number | null;
  stderr: string;
}

/** Runs a service with a configuration until it ends. */
async function service(
  main: 'relay' | 'agent',
  config: object | undefined,
  args: string[] = [],
): Promise<Ended> {
  const withFile = config === undefined ? [] : ['--config', file(`${main}-bad.json`, JSON.stringify(config))];
  const child = spawn(process.execPath, [`services/${main}/src/main.ts`, ...withFile, ...args], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // A service that goes on where it should end must not outlive a test that ran out of time.
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  process.off('exit', kill);
  return { code, stderr };
}

function clear(t: Test, { code, stderr }: Ended, ...says: RegExp[]): void {
  t.equal(code, 1, 'exit code 1');
  for (const pattern of says) t.match(stderr, pattern);
  t.notMatch(stderr, /\n\s+at /, 'no stack trace');
}

t.test('unknown and wrong keys are named, each on its line', async (t) => {
  const bad = { ...relayConfig, lisen: {}, logLevel: 'loud', redis: { url: 'redis://127.0.0.1:1' } };
  clear(
    t,
    await service('relay', bad),
    /^fairlead-relay: lisen: /m,
    /^fairlead-relay: logLevel: /m,
    /^fairlead-relay: redis: /m,
  );
  clear(
    t,
    await service('agent', { ...agentConfig, relay: { url: 'http://plain.example' } }),
    /relay\.url.*https:\/\//,
  );
});

t.test('--check-config says the same without starting', async (t) => {
  clear(t, await service('relay', { ...relayConfig, nope: 1 }, ['--check-config']), /nope/);
  t.match(await service('relay', relayConfig, ['--check-config']), { code: 0, stderr: /is good/ });
});

t.test('a file that is not there or is no certificate', async (t) => {
  clear(
    t,
    await service('relay', { ...relayConfig, tls: { certFile: '/no/such.crt', keyFile: '/no/such.key' } }),
    /tls\.certFile: \/no\/such\.crt does not exist/,
  );
  clear(
    t,
    await service('relay', undefined, ['--config', '/no/such.yaml']),
    /\/no\/such\.yaml does not exist/,
  );
  const text = file('text.crt', 'no certificate');
  clear(
    t,
    await service('agent', {
      ...agentConfig,
      relay: { url: `https://localhost:${relayed.relay.port}`, caFile: text },
    }),
    /relay\.caFile.*no PEM certificate/,
  );
});

t.test('a key that is not the certificate’s', async (t) => {
  const other = await (await makeCa()).issue({ commonName: 'other' });
  const tls = { ...(relayConfig['tls'] as object), keyFile: file('other.key', other.key) };
  clear(
    t,
    await service('relay', { ...relayConfig, tls }),
    /tls\.keyFile: .* is no private key of the certificate/,
  );
});

t.test('a port in use', async (t) => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  const bad = { ...relayConfig, listen: { host: '127.0.0.1', port }, storage: { file: ':memory:' } };
  clear(t, await service('relay', bad), new RegExp(`listen\\.port: 127\\.0\\.0\\.1:${port} is in use`));
  await new Promise((resolve) => holder.close(resolve));
});

t.test('a damaged database is refused and not touched', async (t) => {
  const damaged = file('damaged.db', 'not a database at all '.repeat(400));
  const before = readFileSync(damaged);
  clear(
    t,
    await service('relay', { ...relayConfig, storage: { file: damaged } }),
    /damaged\.db is not a Fairlead database or is damaged/,
  );
  t.same(readFileSync(damaged), before);
});

t.test('development mode refuses to listen beyond loopback', async (t) => {
  clear(
    t,
    await service('relay', undefined, ['--host', '0.0.0.0']),
    /development mode listens on loopback only/,
  );
});

t.test('a join token that was used, has expired or is unknown', async (t) => {
  const used = { ...agentConfig, keyFile: join(dir, 'second.key') };
  clear(t, await service('agent', used), /join token was used before; make a new one/);
  const { token } = relayed.relay.registry.createJoinToken('demo', -1);
  clear(
    t,
    await service('agent', { ...used, joinTokenFile: file('expired', token) }),
    /join token has expired/,
  );
  clear(
    t,
    await service('agent', { ...used, joinTokenFile: file('unknown', 'flj_nothing') }),
    /join token is not known/,
  );
  t.equal(relayed.relay.links.count('demo'), 2, 'the enrolled agent goes on');
});

t.test('a relay whose certificate is not trusted', async (t) => {
  const stranger = file('stranger.crt', (await makeCa()).cert);
  const bad = { ...agentConfig, relay: { url: `https://localhost:${relayed.relay.port}`, caFile: stranger } };
  clear(
    t,
    await service('agent', bad),
    /cannot reach the relay at https:\/\/localhost:[0-9]+: .*set relay\.caFile/,
  );
});

t.test('something at relay.url that is no relay', async (t) => {
  const { token } = relayed.relay.registry.createJoinToken('demo', 60_000);
  const url = relayed.api.url.replace('127.0.0.1', 'localhost');
  const bad = {
    ...agentConfig,
    relay: { url, caFile: join(dir, 'ca.crt') },
    keyFile: join(dir, 'third.key'),
    joinTokenFile: file('third', token),
  };
  clear(t, await service('agent', bad), /is no Fairlead relay; check relay\.url/);
});

t.test('wrong use of the command line ends with 2', async (t) => {
  t.match(await service('relay', undefined, ['--no-such-flag']), { code: 2 });
});
