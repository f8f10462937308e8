// Configuration of every Fairlead process: flags over environment over YAML over defaults, wrong keys named.
export { ConfigError } from './errors.ts';
export type { ConfigErrorCode, ConfigProblem } from './errors.ts';
export { envName } from './env.ts';
export type { Environment } from './env.ts';
export { readText } from './files.ts';
export { loadConfig } from './load.ts';
export type { LoadOptions } from './load.ts';
export { describeKeys } from './schema.ts';
export type { KeyDescription } from './schema.ts';
export { DurationString, SizeString, parseDuration, parseSize } from './units.ts';
