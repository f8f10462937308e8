/** The run as Markdown: figures side by side, ratios, CPU per role, and the floors. */

import type { Floor } from './floors.ts';
import type { Results } from './results.ts';
import { SCENARIOS, type Figures } from './scenarios.ts';
import { STALLED } from './stalled.ts';

const MIB = 1024 * 1024;

export function report(results: Results, floors: Floor[]): string {
  const parts = [figures(results), cpu(results)];
  if (floors.length > 0) {
    parts.push(
      table(
        ['Floor', 'Wanted', 'Measured', ''],
        floors.map(({ name, floor, value, reached }) => [
          name,
          floor,
          value.toFixed(2),
          reached ? 'reached' : '**missed**',
        ]),
      ),
    );
  }
  return parts.filter((part) => part !== '').join('\n\n');
}

function figures(results: Results): string {
  const rows: string[][] = [];
  for (const { name, title } of SCENARIOS) {
    const paths = results[name];
    if (!paths) continue;
    const { direct, front, ours } = paths;
    for (const [figure, unit] of [
      ['reqPerSecond', 'req/s'],
      ['mbPerSecond', 'MB/s'],
      ['bulkMbPerSecond', 'MB/s of the download'],
      ['p50Ms', 'p50 ms'],
      ['p99Ms', 'p99 ms'],
    ] as const) {
      if (ours?.[figure] === undefined) continue;
      rows.push([`${title}, ${unit}`, ...row(figure, direct, front, ours)]);
    }
  }
  for (const [name, { othersP99Ms, p99Ms, growthBytes, windowBytes }] of Object.entries(
    results['stalled'] ?? {},
  )) {
    const cells = [
      `${number(othersP99Ms)} → ${number(p99Ms)}`,
      `${((growthBytes ?? 0) / MIB).toFixed(1)} MiB of ${((windowBytes ?? 0) / MIB).toFixed(0)}`,
    ];
    rows.push([
      `${STALLED} stalled readers, ${name}: others' p99 ms; memory growth of ${name === 'ours' ? 'the relay, of the sum of windows' : 'the proxy'}`,
      '',
      name === 'front' ? `${cells[0]}; ${((growthBytes ?? 0) / MIB).toFixed(1)} MiB` : '',
      name === 'ours' ? cells.join('; ') : '',
      '',
      '',
    ]);
  }
  return rows.length === 0 ? '' : table(['', 'A direct', 'B Go proxy', 'C Fairlead', 'C / A', 'C / B'], rows);
}

function row(figure: string, direct?: Figures, front?: Figures, ours?: Figures): string[] {
  const value = ours?.[figure];
  const over = (base: number | undefined): string =>
    value === undefined || !base ? '' : (value / base).toFixed(2);
  return [
    number(direct?.[figure]),
    number(front?.[figure]),
    number(value),
    over(direct?.[figure]),
    over(front?.[figure]),
  ];
}

function cpu(results: Results): string {
  const rows: string[][] = [];
  for (const { name, title } of SCENARIOS) {
    for (const [path, values] of Object.entries(results[name] ?? {})) {
      const roles = Object.entries(values).filter(([figure]) => figure.startsWith('cpu '));
      if (roles.length === 0) continue;
      const unit = roles[0]?.[0].endsWith('PerMb') ? 'MB' : 'request';
      const cells = roles.map(
        ([figure, value]) => `${figure.slice('cpu '.length).replace(/ us\w+$/, '')} ${value.toFixed(0)}`,
      );
      rows.push([title, path, cells.join(', '), unit]);
    }
  }
  return rows.length === 0 ? '' : table(['CPU', 'path', 'µs per role', 'per'], rows);
}

function number(value: number | undefined): string {
  if (value === undefined) return '';
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
