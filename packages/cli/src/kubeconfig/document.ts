// One kubeconfig file as a YAML document: entries are set in place, comments and unknown keys stay.
import { readFileSync } from 'node:fs';
import { Document, isMap, isSeq, parseDocument } from 'yaml';
import type { YAMLMap } from 'yaml';
import { CliError } from '../errors.ts';

export type Section = 'clusters' | 'users' | 'contexts';

/** A file's document; a file that is absent or empty is an empty kubeconfig. */
export class KubeconfigDocument {
  readonly path: string;
  readonly #document: Document;

  constructor(path: string, text: string | undefined) {
    this.path = path;
    this.#document = text === undefined || text.trim() === '' ? emptyKubeconfig() : parseDocument(text);
    const [error] = this.#document.errors;
    if (error || !isMap(this.#document.contents)) {
      const why = error ? error.message.split('\n')[0]?.replace(/:$/, '') : 'it is not a map';
      throw new CliError('ERR_CLI_KUBECONFIG', `${path} is not a kubeconfig: ${why}`);
    }
  }

  /** Throws CliError ERR_CLI_KUBECONFIG if the file cannot be read or is no kubeconfig. */
  static read(path: string): KubeconfigDocument {
    let text: string | undefined;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') {
        throw new CliError('ERR_CLI_KUBECONFIG', `${path} cannot be read (${code ?? 'unknown error'})`, {
          cause: error,
        });
      }
    }
    return new KubeconfigDocument(path, text);
  }

  /** The entry of a name as plain data, undefined if there is none. */
  get(section: Section, name: string): Record<string, unknown> | undefined {
    return this.#entry(section, name)?.toJS(this.#document) as Record<string, unknown> | undefined;
  }

  /** Sets what an entry holds (`value` under `key`), in its place if there is one of that name, else at the end. */
  set(section: Section, name: string, key: string, value: object): void {
    const there = this.#entry(section, name);
    if (there) {
      there.set(key, this.#document.createNode(value));
      return;
    }
    const entry = this.#document.createNode({ name, [key]: value });
    const list = this.#document.get(section);
    if (isSeq(list)) {
      // `clusters: []` is written in flow style; what is added to it should not be.
      if (list.items.length === 0) list.flow = false;
      list.add(entry);
    } else this.#document.set(section, this.#document.createNode([entry]));
  }

  get currentContext(): string {
    const value = this.#document.get('current-context');
    return typeof value === 'string' ? value : '';
  }

  set currentContext(name: string) {
    this.#document.set('current-context', name);
  }

  toString(): string {
    return this.#document.toString({ lineWidth: 0 });
  }

  #entry(section: Section, name: string): YAMLMap | undefined {
    const list = this.#document.get(section);
    if (!isSeq(list)) return undefined;
    for (const item of list.items) if (isMap(item) && item.get('name') === name) return item;
    return undefined;
  }
}

function emptyKubeconfig(): Document {
  const empty = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [],
    users: [],
    contexts: [],
    'current-context': '',
  };
  return new Document(empty);
}
