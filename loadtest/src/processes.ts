/** Processes of a run: each in a kernel session of its own, all ended by pid, their CPU and memory read from /proc. */

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const KILL_AFTER_MS = 3000;
/** Clock ticks a second in /proc/PID/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const KEPT_LINES = 20;

export interface Started {
  readonly pid: number;
  /** First line of stdout; rejects when the process ends before it. */
  readonly firstLine: Promise<string>;
  /** Last line of stdout, once it has ended well; rejects with the end of stderr otherwise. */
  readonly result: Promise<string>;
  stop(): Promise<void>;
}

export class Processes {
  readonly #running = new Set<ChildProcess>();
  #stopped = false;

  /** Starts a program detached: processes that share a kernel session share CPU unfairly where autogroups are on. */
  start(name: string, file: string, args: string[], env: NodeJS.ProcessEnv = process.env): Started {
    if (this.#stopped) throw new Error('the bench is ending');
    const child = spawn(file, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'], env });
    this.#running.add(child);
    const errors: string[] = [];
    const first = Promise.withResolvers<string>();
    let last = '';
    createInterface({ input: child.stdout }).on('line', (line) => {
      first.resolve(line);
      last = line;
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      errors.push(line);
      if (errors.length > KEPT_LINES) errors.shift();
    });
    child.stdin.on('error', () => {});
    const result = new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.#running.delete(child);
        const error = new Error(`${name} ended (${signal ?? code}): ${errors.join('\n')}`);
        first.reject(error);
        if (code === 0) resolve(last);
        else reject(error);
      });
    });
    result.catch(() => {});
    first.promise.catch(() => {});
    return { pid: child.pid ?? 0, firstLine: first.promise, result, stop: () => end(child) };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#running].map(end));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await gone;
  clearTimeout(timer);
}

/** CPU seconds, user and system, that a process has used; 0 when it is gone. */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** Resident bytes of a process; 0 when it is gone. */
export function residentBytes(pid: number): number {
  try {
    return (
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024
    );
  } catch {
    return 0;
  }
}
