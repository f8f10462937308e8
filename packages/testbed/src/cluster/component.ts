// One program of the control plane as a child process: its log, its end, and what it said last.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { ClusterError } from './errors.ts';

const tailBytes = 4096;
const tailLines = 12;
const killAfterMs = 5_000;

/** What to run. */
export interface ComponentSpec {
  readonly name: string;
  readonly binary: string;
  readonly args: readonly string[];
  readonly logFile: string;
}

/** A running part of the control plane. It ends by itself when this process is gone, as its standard input ends then. */
export class Component {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #stopping = false;

  constructor(spec: ComponentSpec, onUnexpectedEnd: (component: Component) => void) {
    this.name = spec.name;
    this.logFile = spec.logFile;
    const log = openSync(spec.logFile, 'a', 0o600);
    try {
      this.#child = spawn(spec.binary, spec.args, {
        stdio: ['pipe', log, log],
        env: { ...process.env, FAIRLEAD_LIFELINE: 'stdin' },
        detached: true, // Ctrl+C in the terminal is for this process, which then stops the others in order
      });
    } finally {
      closeSync(log);
    }
    this.#child.stdin?.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', () => resolve()).once('exit', () => resolve());
    });
    void this.#ended.then(() => {
      if (!this.#stopping) onUnexpectedEnd(this);
    });
  }

  /** 0 if it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Rejects when the component ends, for a race against what waits for it to work. */
  async failure(): Promise<never> {
    await this.#ended;
    throw await this.describeEnd();
  }

  /** An error with the end of the component's log. */
  async describeEnd(): Promise<ClusterError> {
    const how = this.pid === 0 ? 'not started' : (this.#child.signalCode ?? this.#child.exitCode);
    return new ClusterError(
      'ERR_TESTBED_COMPONENT_FAILED',
      `${this.name} ended (${how}); the end of ${this.logFile}:\n${await this.tail()}`,
    );
  }

  /** The last lines of the log. */
  async tail(): Promise<string> {
    const file = await open(this.logFile);
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - tailBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(tailBytes), 0, tailBytes, start);
      return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-tailLines).join('\n');
    } finally {
      await file.close();
    }
  }

  /** Ends the component and waits for that; what does not follow the signal in time is killed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#stopping = true;
    if (!this.isRunning) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), killAfterMs);
    await exit;
    clearTimeout(timer);
  }
}
