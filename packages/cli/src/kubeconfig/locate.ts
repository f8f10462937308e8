// Which kubeconfig file a change goes to, by kubectl's rules (client-go tools/clientcmd/{loader,config}.go).
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import type { Io } from '../io.ts';

/**
 * The files kubectl reads, in order; a value set in an earlier one wins. A file named on the command line is used alone;
 * else $KUBECONFIG (empty parts and repeats dropped), else ~/.kube/config.
 */
export function kubeconfigFiles(env: Io['env'], explicit?: string): string[] {
  if (explicit !== undefined) return [resolve(explicit)];
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((part) => part !== '');
  if (listed.length > 0) return [...new Set(listed.map((part) => resolve(part)))];
  return [join(env.HOME || homedir(), '.kube', 'config')];
}

/** Where a new entry goes: the first file that exists, else the last listed (GetDefaultFilename). */
export function defaultFile(files: readonly string[]): string {
  return files.find((file) => existsSync(file)) ?? files.at(-1) ?? '';
}
