/** `fairlead-relay`: reads its configuration, runs the relay, stops on a signal. */

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@fairlead/config';
import { bufferutilActive } from '@fairlead/tunnel';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { loadRelayConfig, type RelayConfig } from './config.ts';
import { DEVELOPMENT_CLUSTER, developmentConfig } from './development.ts';
import { startRelay, type Relay } from './relay.ts';

const program = new Command('fairlead-relay')
  .description('Relays kubectl to clusters whose agents dial in')
  .option(
    '--config <file>',
    'YAML configuration file; without it: development mode, on loopback, with storage in memory',
  )
  .option('--check-config', 'say what is wrong with the configuration, key by key, and end')
  .option('--host <address>', 'development mode: loopback address to listen on')
  .option('--port <number>', 'development mode: port to listen on', Number)
  .exitOverride();

try {
  program.parse();
} catch (error) {
  process.exit(error instanceof CommanderError && error.exitCode === 0 ? 0 : 2);
}
const flags = program.opts<{ config?: string; checkConfig?: boolean; host?: string; port?: number }>();

try {
  const config =
    flags.config === undefined
      ? await developmentConfig(flags)
      : loadRelayConfig({ file: flags.config, env: process.env });
  if (flags.checkConfig) {
    process.stderr.write('fairlead-relay: the configuration is good\n');
    process.exit(0);
  }
  const log = pino(
    { level: config.logLevel, base: { service: 'fairlead-relay' } },
    pino.destination({ dest: 1, sync: false }),
  );
  const relay = await startRelay(config, log);
  log.info(
    {
      port: relay.port,
      internalPort: relay.internalPort,
      issuers: config.issuers.map((issuer) => issuer.name),
      storage: config.storage.file,
      bufferutil: bufferutilActive,
    },
    'relay is up',
  );
  if (config.development) sayDevelopment(config, relay);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'relay stops');
      void relay.stop().then(() => process.exit(0));
    });
  }
} catch (error) {
  const known = error instanceof ConfigError || (error as { code?: string }).code?.startsWith('ERR_');
  const text = known ? (error as Error).message : `unexpected: ${(error as Error).message}`;
  for (const line of text.split('\n')) process.stderr.write(`fairlead-relay: ${line}\n`);
  process.exit(1);
}

/** Says plainly that this is no way to run in earnest, and how to join a cluster. */
function sayDevelopment(config: RelayConfig, relay: Relay): void {
  const dir = mkdtempSync(join(tmpdir(), 'fairlead-dev-'));
  relay.registry.addCluster(DEVELOPMENT_CLUSTER);
  const { token } = relay.registry.createJoinToken(DEVELOPMENT_CLUSTER, 86_400_000);
  writeFileSync(join(dir, 'ca.crt'), config.tlsPem.cert);
  writeFileSync(join(dir, 'join-token'), `${token}\n`, { mode: 0o600 });
  process.stderr.write(
    [
      'fairlead-relay: DEVELOPMENT MODE: no configuration file, storage in memory, loopback only, no issuer.',
      `fairlead-relay: any service account of the cluster '${DEVELOPMENT_CLUSTER}' may use https://${config.listen.host}:${relay.port}/clusters/${DEVELOPMENT_CLUSTER}`,
      `fairlead-relay: for its agent: joinTokenFile: ${join(dir, 'join-token')}, relay.caFile: ${join(dir, 'ca.crt')}`,
      '',
    ].join('\n'),
  );
}
