// Runs one command line and turns its end into an exit code: 0 done, 1 failed, 2 usage, 130 interrupted.
import { CommanderError } from 'commander';
import { CliError } from './errors.ts';
import type { Io } from './io.ts';
import { program } from './program.ts';

export const VERSION = '0.1.0';

/** `args` without node and script. Never throws. */
export async function run(io: Io, args: readonly string[]): Promise<number> {
  try {
    await program(io, VERSION).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    return report(io, error);
  }
}

function report(io: Io, error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (io.signal.aborted && !(error instanceof CliError && error.code !== 'ERR_CLI_INTERRUPTED')) return 130;
  if (error instanceof CliError) {
    io.note(`error: ${error.message}`);
    return error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  io.note(`error: unexpected: ${message}`);
  if (io.env.FAIRLEAD_DEBUG && error instanceof Error) io.note(error.stack ?? '');
  return 1;
}
