// A kubectl on a terminal, for a test that has none: keys go in, the screen comes out.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { buildTestbed } from './build.ts';
import { ClusterError } from './errors.ts';
import { kubectlEnv } from './kubectl.ts';

const defaultWaitMs = 20_000;
const maxScreenLength = 4 * 1024 * 1024;

export interface TerminalOptions {
  /** Path of the kubectl to run; the testbed's own without it. */
  readonly binary?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 80. */
  readonly columns?: number;
  /** Default 24. */
  readonly rows?: number;
}

/** Runs a kubectl on a terminal of the given size. */
export async function kubectlOnTerminal(
  kubeconfig: string,
  args: readonly string[],
  options: TerminalOptions = {},
): Promise<Terminal> {
  const testbed = await buildTestbed();
  const size = [`--columns=${options.columns ?? 80}`, `--rows=${options.rows ?? 24}`];
  const command = ['tty', ...size, '--', options.binary ?? testbed.kubectl, ...args];
  const env = { ...kubectlEnv(kubeconfig, options.env), TERM: 'xterm' };
  return new Terminal(join(testbed.tools, 'fairlead-pod'), command, env);
}

/** A command that runs on a terminal. */
export class Terminal {
  readonly pid: number;
  /** The exit code, once the command has ended and its last output has been taken. */
  readonly ended: Promise<number | null>;
  readonly #keys: Writable;
  readonly #sizes: Writable;
  readonly #kill: (signal: NodeJS.Signals) => void;
  readonly #watchers = new Set<() => void>();
  #screen = '';
  #isOver = false;

  /** Used by {@link kubectlOnTerminal}; `binary` takes the part `tty`. */
  constructor(binary: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit', 'pipe'], env });
    const [keys, output, , sizes] = child.stdio as unknown as [Writable, Readable, null, Writable];
    this.pid = child.pid ?? 0;
    this.#keys = keys.on('error', () => undefined);
    this.#sizes = sizes.on('error', () => undefined);
    this.#kill = (signal) => child.kill(signal);
    output.setEncoding('utf8').on('data', (chunk: string) => {
      this.#screen = (this.#screen + chunk.replaceAll('\r', '')).slice(-maxScreenLength);
      this.#notify();
    });
    this.ended = new Promise((resolve) => {
      child.once('error', () => resolve(null)).once('close', resolve);
    });
    void this.ended.then(() => {
      this.#isOver = true;
      this.#notify();
    });
  }

  /** Types text; a line ends with `\r`. */
  type(text: string): void {
    this.#keys.write(text);
  }

  /** Gives the terminal another size. */
  resize(columns: number, rows: number): void {
    this.#sizes.write(`${columns} ${rows}\n`);
  }

  /** All that was shown so far, without carriage returns. */
  get screen(): string {
    return this.#screen;
  }

  /**
   * Resolves when the text has been shown, also if that was earlier.
   *
   * @throws ClusterError `ERR_TESTBED_NOT_READY` with the screen, when the time is over or the command has ended
   */
  shown(text: string, timeoutMs = defaultWaitMs): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (failure?: string) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (failure === undefined) return resolve();
        const message = `${JSON.stringify(text)} was not shown (${failure}) but:\n${this.#screen}`;
        return reject(new ClusterError('ERR_TESTBED_NOT_READY', message));
      };
      const look = () => {
        if (this.#screen.includes(text)) finish();
        else if (this.#isOver) finish('the command has ended');
      };
      const timer = setTimeout(() => finish(`in ${timeoutMs} ms`), timeoutMs);
      this.#watchers.add(look);
      look();
    });
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#kill(signal);
  }

  #notify(): void {
    for (const look of this.#watchers) look();
  }
}
