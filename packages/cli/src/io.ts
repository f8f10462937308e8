// What a command may touch of the outside world; tests give their own.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Data. */
  out(text: string): void;
  /** All else, one line (the newline is added). */
  note(line: string): void;
  /** All of standard input. */
  readStdin(): Promise<string>;
  /** True if a person can be asked: standard input and error are a terminal. */
  readonly interactive: boolean;
  /** Aborted on SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Absolute path of bin/fairlead, as written into kubeconfigs. */
  readonly executable: string;
  /** 'fairlead', or 'kubectl fairlead' when started so. */
  readonly name: string;
  readonly nowMs: () => number;
}

/** Reads a whole stream of text, at most 1 MiB. */
async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > 1 << 20) throw new TypeError('standard input is longer than 1 MiB');
  }
  return text;
}

/** The real outside world of this process. */
export function processIo(signal: AbortSignal): Io {
  const plugin = (process.env.FAIRLEAD_COMMAND_NAME ?? '').startsWith('kubectl-');
  return {
    env: process.env,
    out: (text) => void process.stdout.write(text),
    note: (line) => void process.stderr.write(`${line}\n`),
    readStdin: () => readAll(process.stdin),
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    signal,
    executable: resolve(import.meta.dirname, '../../../bin/fairlead'),
    name: plugin ? 'kubectl fairlead' : 'fairlead',
    nowMs: Date.now,
  };
}

/** Where sessions are kept: $FAIRLEAD_HOME, else $XDG_CONFIG_HOME/fairlead, else ~/.config/fairlead. */
export function homeOf(env: Io['env']): string {
  if (env.FAIRLEAD_HOME) return resolve(env.FAIRLEAD_HOME);
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'fairlead');
}
