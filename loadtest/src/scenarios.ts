/** What is measured: each scenario drives one path once and gives figures; rounds and medians are the runner's. */

import type { Driver, Driven, Drive, Path } from './driver.ts';

export const OBJECT = '/api/v1/bench';
export const REAL_OBJECT = '/api/v1/namespaces/default';
const BULK = `/bulk?bytes=${2 ** 35}`;
const LIMIT_MB_PER_SECOND = 12;
/** A bulk stream runs this long before others are measured beside it, and this long after. */
const LEAD_SECONDS = 0.5;
const MICRO = 1e6;

/** Unit of each figure is in its name: reqPerSecond, p50Ms, p99Ms, mbPerSecond, cpu microseconds per request or per MB. */
export type Figures = Record<string, number>;

export interface Scenario {
  name: string;
  title: string;
  paths: ('direct' | 'front' | 'ours')[];
  /** Default: the stub. */
  upstream?: 'real';
  run(driver: Driver, path: Path, seconds: number): Promise<Figures>;
}

const ALL: Scenario['paths'] = ['direct', 'front', 'ours'];

const closed = (connections: number): Scenario => ({
  name: `get-c${connections}`,
  title: `GET 1 KiB, ${connections} connection${connections > 1 ? 's' : ''}`,
  paths: ALL,
  run: async (driver, path, seconds) =>
    gets(await checked(driver, path, { mode: 'closed', target: OBJECT, seconds, connections })),
});

const bulk = (mode: 'down' | 'up', title: string): Scenario => ({
  name: mode === 'down' ? 'download' : 'upload',
  title,
  paths: ALL,
  run: async (driver, path, seconds) => {
    const result = await checked(driver, path, {
      mode,
      target: mode === 'down' ? BULK : '/sink',
      seconds,
      warmup: 0.4,
    });
    const mb = result.bytes / 1e6;
    return { mbPerSecond: mb / result.seconds, ...cpuPer(result, mb * (1 + 0.4 / seconds), 'PerMb') };
  },
});

const beside = (name: string, title: string, limit?: number): Scenario => ({
  name,
  title,
  paths: ['front', 'ours'],
  run: async (driver, path, seconds) => {
    const download = driver.start(path, {
      mode: 'down',
      target: BULK,
      seconds: 1.5 * seconds + 2 * LEAD_SECONDS,
      ...(limit === undefined ? {} : { limit }),
    });
    await new Promise((resolve) => setTimeout(resolve, LEAD_SECONDS * 1000));
    const result = await checked(driver, path, {
      mode: 'open',
      target: OBJECT,
      seconds: 1.5 * seconds,
      connections: 64,
      rate: 200,
    });
    const bulkResult = JSON.parse(await download.result) as Driven;
    return { ...latency(result), bulkMbPerSecond: bulkResult.bytes / 1e6 / bulkResult.seconds };
  },
});

export const SCENARIOS: Scenario[] = [
  closed(1),
  closed(16),
  closed(128),
  bulk('down', 'Download, one stream'),
  bulk('up', 'Upload, one stream'),
  {
    name: 'open-200',
    title: 'GET 1 KiB at 200/s (open loop)',
    paths: ALL,
    run: async (driver, path, seconds) =>
      latency(
        await checked(driver, path, {
          mode: 'open',
          target: OBJECT,
          seconds: seconds * 1.5,
          connections: 64,
          rate: 200,
        }),
      ),
  },
  beside('beside-bulk', 'GET at 200/s beside an unlimited download'),
  beside(
    'beside-limited',
    `GET at 200/s beside a download of ${LIMIT_MB_PER_SECOND} MB/s`,
    LIMIT_MB_PER_SECOND,
  ),
  {
    name: 'real-c16',
    title: 'GET a namespace of a real kube-apiserver, 16 connections',
    paths: ALL,
    upstream: 'real',
    run: async (driver, path, seconds) =>
      gets(
        await checked(driver, path, {
          mode: 'closed',
          target: REAL_OBJECT,
          seconds: seconds * 1.5,
          connections: 16,
        }),
      ),
  },
];

export function gets(result: Driven): Figures {
  return {
    reqPerSecond: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    // The driver's 0.2 s before counting are in the CPU too.
    ...cpuPer(result, result.requests * (1 + 0.2 / result.seconds), 'PerRequest'),
  };
}

const latency = (result: Driven): Figures => ({ p50Ms: result.p50Ms, p99Ms: result.p99Ms });

/** Drives and insists that all was answered: a figure with errors in it compares nothing. */
export async function checked(driver: Driver, path: Path, drive: Drive): Promise<Driven> {
  const result = await driver.drive(path, drive);
  if (result.errors > 0)
    throw new Error(`${path.name}, ${drive.mode}: ${result.errors} errors, the first: ${result.error}`);
  return result;
}

function cpuPer(result: Driven, units: number, suffix: string): Figures {
  return Object.fromEntries(
    Object.entries(result.cpu).map(([role, seconds]) => [
      `cpu ${role} us${suffix}`,
      (seconds * MICRO) / Math.max(units, 1),
    ]),
  );
}
