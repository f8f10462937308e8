/** `fairlead-agent`: reads its configuration, runs the agent, stops on a signal. */

import { ConfigError } from '@fairlead/config';
import { bufferutilActive } from '@fairlead/tunnel';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { startAgent } from './agent.ts';
import { loadAgentConfig } from './config.ts';
import { AgentError } from './errors.ts';

const program = new Command('fairlead-agent')
  .description('Connects a cluster to a Fairlead relay: dials out, opens no port but a health one')
  .option('--config <file>', 'YAML configuration file')
  .option('--check-config', 'say what is wrong with the configuration, key by key, and end')
  .exitOverride();

try {
  program.parse();
} catch (error) {
  process.exit(error instanceof CommanderError && error.exitCode === 0 ? 0 : 2);
}
const flags = program.opts<{ config?: string; checkConfig?: boolean }>();

try {
  const config = loadAgentConfig({
    ...(flags.config === undefined ? {} : { file: flags.config }),
    env: process.env,
  });
  if (flags.checkConfig) {
    process.stderr.write('fairlead-agent: the configuration is good\n');
    process.exit(0);
  }
  const log = pino(
    { level: config.logLevel, base: { service: 'fairlead-agent' } },
    pino.destination({ dest: 1, sync: true }),
  );
  if (!bufferutilActive) log.warn('bufferutil is missing: downloads cost the agent more CPU');
  log.info(
    { relay: config.relayUrl.origin, apiServer: config.apiServer.url.origin, links: config.links },
    'agent starts',
  );
  const agent = await startAgent(config, log, (error) => fail(error));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'agent stops');
      void agent.stop('agent stops').then(() => process.exit(0));
    });
  }
} catch (error) {
  fail(error);
}

/** One clear line a problem, exit code 1. */
function fail(error: unknown): never {
  const known =
    error instanceof ConfigError ||
    error instanceof AgentError ||
    (error as { code?: string }).code?.startsWith('ERR_');
  const text = known ? (error as Error).message : `unexpected: ${(error as Error).message}`;
  for (const line of text.split('\n')) process.stderr.write(`fairlead-agent: ${line}\n`);
  process.exit(1);
}
