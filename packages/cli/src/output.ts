// Prints lists and objects as table, names, JSON or YAML.
import { stringify } from 'yaml';
import type { Io } from './io.ts';

export const FORMATS = ['table', 'wide', 'name', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

/** A column: heading, cell, and whether only `-o wide` shows it. */
export interface Column<T> {
  heading: string;
  cell(row: T): string;
  wide?: boolean;
}

/** A table as kubectl prints it: columns as wide as their content, three spaces apart. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const lines = [
    columns.map((column) => column.heading),
    ...rows.map((row) => columns.map((column) => column.cell(row))),
  ];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? '').length)));
  const line = (cells: string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('   ')
      .trimEnd();
  return `${lines.map(line).join('\n')}\n`;
}

/** Writes rows to stdout; `data` is what JSON and YAML show, `nameOf` what `-o name` shows. */
export function print<T>(
  io: Io,
  format: Format,
  rows: readonly T[],
  columns: readonly Column<T>[],
  data: unknown,
  nameOf: (row: T) => string,
): void {
  if (format === 'json') io.out(`${JSON.stringify(data, null, 2)}\n`);
  else if (format === 'yaml') io.out(stringify(data));
  else if (format === 'name') io.out(rows.map((row) => `${nameOf(row)}\n`).join(''));
  else
    io.out(
      table(
        rows,
        columns.filter((column) => format === 'wide' || column.wide !== true),
      ),
    );
}
