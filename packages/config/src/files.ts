// Reads text files named by a user, with an error that says what the file was for.
import { readFileSync } from 'node:fs';
import { ConfigError } from './errors.ts';

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  EISDIR: 'is a directory, expected a file',
  ENOTDIR: 'is not reachable: a part of its path is not a directory',
};

/** The UTF-8 text of a file. `what` names its purpose ("CA certificate"). Throws ConfigError ERR_CONFIG_FILE_UNREADABLE. */
export function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const problem = `${path} ${WHY[code] ?? `cannot be read (${code})`}`;
    throw new ConfigError('ERR_CONFIG_FILE_UNREADABLE', [{ key: what, problem }], { cause: error });
  }
}
