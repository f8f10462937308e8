// The lock that kubectl takes on a kubeconfig: `<file>.lock`, made exclusively (client-go tools/clientcmd/config.go lockFile).
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../errors.ts';

const WAIT_MS = 10_000;

/** Runs `work` while holding the locks of all files. Throws CliError ERR_CLI_KUBECONFIG if one stays taken for 10 s. */
export async function withLocks<T>(files: readonly string[], work: () => T | Promise<T>): Promise<T> {
  const held: string[] = [];
  const deadline = performance.now() + WAIT_MS;
  try {
    // Always in the same order, so that two of us cannot wait for each other.
    for (const file of [...new Set(files)].toSorted()) held.push(await take(`${file}.lock`, deadline));
    return await work();
  } finally {
    for (const lock of held) rmSync(lock, { force: true });
  }
}

async function take(lock: string, deadline: number): Promise<string> {
  mkdirSync(dirname(lock), { recursive: true, mode: 0o700 });
  for (;;) {
    try {
      closeSync(openSync(lock, 'wx', 0));
      return lock;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST') {
        throw new CliError('ERR_CLI_KUBECONFIG', `${lock} cannot be made (${code ?? 'unknown error'})`, {
          cause: error,
        });
      }
      if (performance.now() > deadline) {
        const message = `${lock} is held by another program; if none writes the kubeconfig, remove that file`;
        throw new CliError('ERR_CLI_KUBECONFIG', message, { cause: error });
      }
    }
    await sleep(50);
  }
}
