/** Relay and agents as processes of their own, started with the configuration file that a person would write. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';

export const ROOT = resolve(import.meta.dirname, '../../../..');
const KILL_AFTER_MS = 5000;
const POLL_MS = 50;
const READY_TIMEOUT_MS = 30_000;

export class Service {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #log: string;

  /** `config` becomes `<dir>/<name>.yaml`; the log is `<dir>/<name>.log`. */
  constructor(name: string, main: 'relay' | 'agent', config: object, dir: string) {
    this.name = name;
    this.#log = join(dir, `${name}.log`);
    const file = join(dir, `${name}.yaml`);
    writeFileSync(file, stringify(config), { mode: 0o600 });
    const out = openSync(this.#log, 'w');
    const lifeline = new URL('lifeline.ts', import.meta.url).href;
    this.#child = spawn(
      process.execPath,
      ['--import', lifeline, join(ROOT, `services/${main}/src/main.ts`), '--config', file],
      {
        stdio: ['pipe', out, out],
        // Ctrl+C in the terminal is for the demo, which then stops what it started, in order.
        detached: true,
      },
    );
    this.#child.stdin?.on('error', () => {});
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when `url` answers 200. Throws with the log's last lines when the service ends or takes too long. */
  async ready(url: string): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      const answer = await fetch(url).catch(() => undefined);
      if (answer?.ok) return;
      if (this.#child.exitCode !== null || performance.now() > deadline) {
        const tail = readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
        throw new Error(`${this.name} did not become ready; the end of ${this.#log}:\n${tail}`);
      }
      await new Promise((next) => setTimeout(next, POLL_MS));
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS);
    await exited;
    clearTimeout(timer);
  }
}
