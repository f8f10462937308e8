// The Fairlead command line: sign in, write kubeconfigs, serve a local proxy, administer clusters.
export { CliError } from './errors.ts';
export type { CliErrorCode } from './errors.ts';
export { processIo } from './io.ts';
export type { Io } from './io.ts';
export { program } from './program.ts';
export { VERSION, run } from './run.ts';
