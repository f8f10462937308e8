/** The load driver: builds the Go program that drives, stands in and compares, and runs its modes. */

import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findGo } from '@fairlead/testbed/cluster/go';
import { cpuSeconds, type Processes, type Started } from './processes.ts';

const run = promisify(execFile);
const MODULE_DIR = fileURLToPath(new URL('../go/', import.meta.url));
const CACHE_DIR = fileURLToPath(new URL('../../.cache/loadtest/', import.meta.url));
const BUILD_TIMEOUT_MS = 120_000;

/** What the driver prints. Latencies in ms, of requests that were answered 200. */
export interface Driven {
  requests: number;
  errors: number;
  error?: string;
  bytes: number;
  seconds: number;
  p50Ms: number;
  p99Ms: number;
  /** CPU seconds per role while it ran, warm-up included. */
  cpu: Record<string, number>;
}

/** One way to an API server, and the processes on it. */
export interface Path {
  name: string;
  /** URL that API paths are put behind. */
  base: string;
  caFile: string;
  tokenFile: string;
  roles: Record<string, number>;
  /** The relay's metrics, where there is one. */
  metricsUrl?: string;
}

export interface Drive {
  mode: 'closed' | 'open' | 'down' | 'up' | 'stall';
  target: string;
  seconds: number;
  warmup?: number;
  connections?: number;
  rate?: number;
  /** MB/s at most; without it as fast as it goes. */
  limit?: number;
}

/** Builds the Go program. Throws ClusterError ERR_TESTBED_GO_MISSING when there is no Go that can. */
export async function buildDriver(): Promise<string> {
  const go = await findGo(MODULE_DIR);
  await mkdir(CACHE_DIR, { recursive: true });
  const binary = join(CACHE_DIR, 'loadtest');
  await run(go.path, ['build', '-trimpath', '-o', binary, '.'], {
    cwd: MODULE_DIR,
    timeout: BUILD_TIMEOUT_MS,
  });
  return binary;
}

export class Driver {
  readonly #binary: string;
  readonly #processes: Processes;

  constructor(binary: string, processes: Processes) {
    this.#binary = binary;
    this.#processes = processes;
  }

  /** Runs one mode against one path to its end. Throws with what the driver said when nothing could be measured. */
  async drive(path: Path, options: Drive): Promise<Driven> {
    const before = cpuOf(path);
    const result = JSON.parse(await this.start(path, options).result) as Driven;
    const after = cpuOf(path);
    const cpu: Record<string, number> = {};
    for (const role of Object.keys(before)) cpu[role] = (after[role] ?? 0) - (before[role] ?? 0);
    return { ...result, cpu };
  }

  start(path: Path, o: Drive): Started {
    return this.#processes.start(`load ${o.mode} ${path.name}`, this.#binary, [
      'load',
      `-mode=${o.mode}`,
      `-url=${path.base}${o.target}`,
      `-ca=${path.caFile}`,
      `-token-file=${path.tokenFile}`,
      `-seconds=${o.seconds}`,
      `-warmup=${o.warmup ?? 0.2}`,
      `-c=${o.connections ?? 1}`,
      `-rate=${o.rate ?? 200}`,
      `-limit=${o.limit ?? 0}`,
    ]);
  }

  /** Starts a server role; resolves its process and port when it listens. */
  async serve(role: 'stub' | 'front', args: string[]): Promise<{ pid: number; port: number }> {
    const started = this.#processes.start(role, this.#binary, [role, ...args]);
    const { port } = JSON.parse(await started.firstLine) as { port: number };
    return { pid: started.pid, port };
  }
}

function cpuOf(path: Path): Record<string, number> {
  return Object.fromEntries(Object.entries(path.roles).map(([role, pid]) => [role, cpuSeconds(pid)]));
}
