// Merges our entries into the user's kubeconfig files, as `kubectl config` would place them.
import { statSync } from 'node:fs';
import { CliError } from '../errors.ts';
import { writePrivate } from '../files.ts';
import { KubeconfigDocument } from './document.ts';
import type { Section } from './document.ts';
import { isSameMaker } from './entry.ts';
import type { KubeconfigEntry } from './entry.ts';
import { defaultFile } from './locate.ts';
import { withLocks } from './lock.ts';

export interface MergeOptions {
  /** From kubeconfigFiles(). */
  files: readonly string[];
  /** Replace entries that are not ours. */
  overwrite: boolean;
  /** Name of the context to make current. */
  current: string;
}

/**
 * Writes the entries and resolves to the file that holds the first one's context. Throws CliError
 * ERR_CLI_KUBECONFIG_TAKEN (nothing is written then) or ERR_CLI_KUBECONFIG.
 */
export function mergeKubeconfig(entries: readonly KubeconfigEntry[], options: MergeOptions): Promise<string> {
  return withLocks(options.files, () => {
    const documents = options.files.map((file) => KubeconfigDocument.read(file));
    const fallback = documents[options.files.indexOf(defaultFile(options.files))] as KubeconfigDocument;
    const changed = new Set<KubeconfigDocument>();
    for (const each of entries) {
      for (const [section, key] of PARTS) {
        const document = documents.find((candidate) => candidate.get(section, each.name)) ?? fallback;
        const there = document.get(section, each.name);
        if (there && !options.overwrite && !isSameMaker(there[key], each[key]))
          throw taken(each.name, key, document.path);
        document.set(section, each.name, key, each[key]);
        changed.add(document);
      }
    }
    // The first file that says a current context is the one kubectl believes (writeCurrentContext).
    const deciding = documents.find((document) => document.currentContext !== '') ?? fallback;
    deciding.currentContext = options.current;
    changed.add(deciding);
    for (const document of changed) write(document);
    const holder = documents.find((document) => document.get('contexts', entries[0]?.name ?? ''));
    return (holder ?? fallback).path;
  });
}

const PARTS: readonly [Section, 'cluster' | 'user' | 'context'][] = [
  ['clusters', 'cluster'],
  ['users', 'user'],
  ['contexts', 'context'],
];

/** The entries as a kubeconfig of their own. */
export function printKubeconfig(entries: readonly KubeconfigEntry[], current: string): string {
  const document = new KubeconfigDocument('-', undefined);
  for (const each of entries) {
    for (const [section, key] of PARTS) document.set(section, each.name, key, each[key]);
  }
  document.currentContext = current;
  return document.toString();
}

/** True if others than the owner can read the file. */
export function isShared(file: string): boolean {
  try {
    return (statSync(file).mode & 0o077) !== 0;
  } catch {
    return false;
  }
}

function write(document: KubeconfigDocument): void {
  try {
    writePrivate(document.path, document.toString());
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new CliError('ERR_CLI_KUBECONFIG', `${document.path} cannot be written (${code})`, {
      cause: error,
    });
  }
}

function taken(name: string, key: string, file: string): CliError {
  const message = `a different ${key} named "${name}" already exists in ${file}; choose another name for the context, or give --overwrite`;
  return new CliError('ERR_CLI_KUBECONFIG_TAKEN', message);
}
