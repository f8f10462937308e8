// Loads a configuration: flags over environment over YAML file over defaults, checked once.
import { parseDocument } from 'yaml';
import type { Static, TSchema } from 'typebox';
import { readEnvironment } from './env.ts';
import type { Environment } from './env.ts';
import { ConfigError } from './errors.ts';
import { readText } from './files.ts';
import type { SchemaNode } from './schema.ts';
import { isPlain, problemsOf, withDefaults } from './validate.ts';

type Plain = Record<string, unknown>;

export interface LoadOptions {
  /** YAML file; must exist when named. */
  file?: string | undefined;
  /** Usually process.env; left out: no environment is read. */
  env?: Environment | undefined;
  /** Usually 'FAIRLEAD_'. */
  prefix?: string;
  /** What the command line set, nested as the schema; undefined values count as not set. */
  flags?: object | undefined;
  /** Variables with the prefix that are no configuration; a trailing * matches any rest. */
  ignore?: readonly string[];
}

/**
 * The checked configuration. Throws ConfigError with one line a problem: ERR_CONFIG_FILE_UNREADABLE, ERR_CONFIG_YAML,
 * ERR_CONFIG_INVALID.
 */
export function loadConfig<T extends TSchema>(schema: T, options: LoadOptions = {}): Static<T> {
  const node = schema as SchemaNode;
  const origins = new Map<string, string>();
  const value: Plain = options.file === undefined ? {} : readYaml(options.file);
  const fromEnv = readEnvironment(node, options.env ?? {}, options.prefix ?? 'FAIRLEAD_', options.ignore);
  for (const { path, value: given, variable } of fromEnv.values) {
    set(value, path, given);
    origins.set(path.join('.'), variable);
  }
  mergeInto(value, options.flags ?? {}, '', (key) => origins.set(key, 'the command line'));
  const filled = withDefaults(node, value);
  const origin = (key: string): string => (origins.has(key) ? ` (set by ${origins.get(key)})` : '');
  const problems = [...fromEnv.problems, ...problemsOf(node, filled, '', origin)];
  if (problems.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', problems);
  return filled as Static<T>;
}

function readYaml(file: string): Plain {
  const document = parseDocument(readText(file, 'configuration file'), { uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    const at = error.linePos ? `:${error.linePos[0].line}:${error.linePos[0].col}` : '';
    const problem = `is not valid YAML: ${error.message.split(/ at line | *\n/)[0]?.replace(/:$/, '')}`;
    throw new ConfigError('ERR_CONFIG_YAML', [{ key: file + at, problem }]);
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (value === null || value === undefined) return {};
  if (!isPlain(value)) {
    throw new ConfigError('ERR_CONFIG_YAML', [
      { key: file, problem: 'is not a map, expected keys and values' },
    ]);
  }
  return value;
}

function set(target: Plain, path: readonly string[], value: unknown): void {
  let at = target;
  for (const part of path.slice(0, -1)) {
    const next = at[part];
    if (isPlain(next)) at = next;
    else {
      const made: Plain = {};
      at[part] = made;
      at = made;
    }
  }
  at[path.at(-1) ?? ''] = value;
}

function mergeInto(target: Plain, source: object, prefix: string, note: (key: string) => void): void {
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    const current = target[name];
    if (isPlain(value)) {
      const into = isPlain(current) ? current : {};
      target[name] = into;
      mergeInto(into, value, `${prefix}${name}.`, note);
    } else {
      target[name] = value;
      note(prefix + name);
    }
  }
}
