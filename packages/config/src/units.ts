// Durations ("30s") and sizes ("64Ki") as people write them, and their TypeBox types.
import { Type } from 'typebox';
import type { TString } from 'typebox';
import { ConfigError } from './errors.ts';

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 } as const;
const DURATION_PATTERN = '^(?:[0-9]+(?:\\.[0-9]+)?(?:ms|s|m|h|d))+$';
const SIZE_PATTERN = '^[0-9]+(?:Ki|Mi|Gi|k|M|G)?$';

/** Milliseconds of '30s', '1h30m', '250ms', '0.5s'. Throws ConfigError ERR_CONFIG_DURATION. */
export function parseDuration(text: string): number {
  let totalMs = Number.NaN;
  if (new RegExp(DURATION_PATTERN).test(text)) {
    totalMs = 0;
    for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h|d)/g)) {
      totalMs += Number(amount) * DURATION_UNITS[unit as keyof typeof DURATION_UNITS];
    }
  }
  if (!Number.isSafeInteger(Math.round(totalMs))) {
    throw new ConfigError('ERR_CONFIG_DURATION', [
      {
        key: 'duration',
        problem: `"${text}" is not a duration, expected a number and a unit such as 250ms, 30s, 1h30m`,
      },
    ]);
  }
  return Math.round(totalMs);
}

/** Bytes of '65536', '64Ki', '10M'. Throws ConfigError ERR_CONFIG_SIZE. */
export function parseSize(text: string): number {
  const match = /^([0-9]+)(Ki|Mi|Gi|k|M|G)?$/.exec(text);
  const bytes = match
    ? Number(match[1]) * SIZE_UNITS[(match[2] ?? '') as keyof typeof SIZE_UNITS]
    : Number.NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw new ConfigError('ERR_CONFIG_SIZE', [
      {
        key: 'size',
        problem: `"${text}" is not a size, expected bytes, optionally with a unit such as 64Ki, 10M`,
      },
    ]);
  }
  return bytes;
}

/** A string schema for a duration; read the value with parseDuration. */
export function DurationString(options: { default?: string; description?: string } = {}): TString {
  return Type.String({
    ...options,
    pattern: DURATION_PATTERN,
    expected: 'a duration such as 250ms, 30s, 1h30m',
  });
}

/** A string schema for a size in bytes; read the value with parseSize. */
export function SizeString(options: { default?: string; description?: string } = {}): TString {
  return Type.String({ ...options, pattern: SIZE_PATTERN, expected: 'a size such as 65536, 64Ki, 10M' });
}
