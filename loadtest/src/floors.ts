/** The floors that a release must reach, as ratios of one run. */

import type { Results } from './results.ts';

export interface Floor {
  name: string;
  /** As people read it: `≥ 0.80`. */
  floor: string;
  value: number;
  reached: boolean;
}

/** Floors whose scenarios were measured; the others are left out. */
export function floors(results: Results): Floor[] {
  const all: (Floor | undefined)[] = [
    least('GET 1 KiB c16, share of the Go proxy', 0.8, ratio(results, 'get-c16', 'reqPerSecond', 'front')),
    least('Download, share of the Go proxy', 0.35, ratio(results, 'download', 'mbPerSecond', 'front')),
    most('Added at 200/s, p50 ms', 0.8, added(results, 'p50Ms')),
    most('Added at 200/s, p99 ms', 3, added(results, 'p99Ms')),
    least(
      'GET on a real kube-apiserver c16, share of direct',
      0.5,
      ratio(results, 'real-c16', 'reqPerSecond', 'direct'),
    ),
    most('GET p99 beside an unlimited download, times idle', 2, besideIdle(results, 'beside-bulk')),
    most('GET p99 beside a 12 MB/s download, times idle', 2, besideIdle(results, 'beside-limited')),
    most(
      "100 stalled readers, others' p99, times without",
      1.5,
      divide(get(results, 'stalled', 'ours', 'p99Ms'), get(results, 'stalled', 'ours', 'othersP99Ms')),
    ),
    most(
      'Relay memory with 100 stalled readers, times the sum of windows',
      1.3,
      divide(get(results, 'stalled', 'ours', 'growthBytes'), get(results, 'stalled', 'ours', 'windowBytes')),
    ),
  ];
  return all.filter((floor) => floor !== undefined);
}

function get(results: Results, scenario: string, path: string, figure: string): number | undefined {
  return results[scenario]?.[path]?.[figure];
}

function ratio(results: Results, scenario: string, figure: string, base: string): number | undefined {
  return divide(get(results, scenario, 'ours', figure), get(results, scenario, base, figure));
}

function added(results: Results, figure: string): number | undefined {
  const ours = get(results, 'open-200', 'ours', figure);
  const direct = get(results, 'open-200', 'direct', figure);
  return ours === undefined || direct === undefined ? undefined : ours - direct;
}

function besideIdle(results: Results, scenario: string): number | undefined {
  return divide(get(results, scenario, 'ours', 'p99Ms'), get(results, 'open-200', 'ours', 'p99Ms'));
}

function divide(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

function least(name: string, floor: number, value: number | undefined): Floor | undefined {
  return value === undefined
    ? undefined
    : { name, floor: `≥ ${floor.toFixed(2)}`, value, reached: value >= floor };
}

function most(name: string, floor: number, value: number | undefined): Floor | undefined {
  return value === undefined
    ? undefined
    : { name, floor: `≤ ${floor.toFixed(2)}`, value, reached: value <= floor };
}
