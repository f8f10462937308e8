// Turns environment variables of one prefix into a nested partial configuration.
import type { ConfigProblem } from './errors.ts';
import { ConfigError } from './errors.ts';
import { parse } from 'yaml';
import { readText } from './files.ts';
import type { SchemaNode } from './schema.ts';
import { fits } from './validate.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables with our prefix that are not configuration: names without the prefix. */
const NOT_OURS: ReadonlySet<string> = new Set(['CONFIG', 'HOME', 'PROFILE']);

/** What Kubernetes puts into every pod for a Service called fairlead… (kubelet envvars.go): not configuration. */
function isServiceLink(name: string, value: string): boolean {
  if (/^(?:.*_)?SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(name)) return true;
  if (/^(?:.*_)?PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name)) return true;
  return /(?:^|_)PORT$/.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value);
}

/** 'links.maxUnread' → 'LINKS_MAX_UNREAD'. */
export function envName(path: readonly string[]): string {
  return path
    .map((part) =>
      part
        .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
        .replaceAll('-', '_')
        .toUpperCase(),
    )
    .join('_');
}

interface Key {
  path: string[];
  node: SchemaNode;
}

function keysByEnvName(schema: SchemaNode): Map<string, Key> {
  const keys = new Map<string, Key>();
  const walk = (node: SchemaNode, path: string[]): void => {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      const next = [...path, name];
      if (!keys.has(envName(next))) keys.set(envName(next), { path: next, node: child });
      if (child.properties) walk(child, next);
    }
  };
  walk(schema, []);
  return keys;
}

/** A variable's text as its schema wants it: text stays text, the rest is YAML; a list may be comma-separated. */
function valueOf(node: SchemaNode, text: string): unknown {
  if (fits(node, text)) return text;
  if (node.type === 'array' && !/^\s*(?:\[|- )/.test(text)) {
    const items = text.split(',').map((item) => item.trim());
    return items.filter((item) => item !== '').map((item) => (node.items ? valueOf(node.items, item) : item));
  }
  try {
    const value: unknown = parse(text);
    return node.type === 'string' || value === null ? text : value;
  } catch {
    return text;
  }
}

export interface EnvironmentValues {
  values: { path: string[]; value: unknown; variable: string }[];
  problems: ConfigProblem[];
}

/** Reads the variables `PREFIX…` and `PREFIX…_FILE`. `ignore`: names (with prefix; a trailing * matches any rest). */
export function readEnvironment(
  schema: SchemaNode,
  env: Environment,
  prefix: string,
  ignore: readonly string[] = [],
): EnvironmentValues {
  const keys = keysByEnvName(schema);
  const result: EnvironmentValues = { values: [], problems: [] };
  const ignored = (variable: string): boolean =>
    ignore.some((name) => (name.endsWith('*') ? variable.startsWith(name.slice(0, -1)) : name === variable));
  // By name, so that FAIRLEAD_LISTEN (a whole map) comes before FAIRLEAD_LISTEN_PORT, which adds to it.
  for (const [variable, text] of Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (text === undefined || !variable.startsWith(prefix) || ignored(variable)) continue;
    const name = variable.slice(prefix.length);
    if (isServiceLink(name, text)) continue;
    const exact = keys.get(name);
    const fromFile = exact
      ? undefined
      : name.endsWith('_FILE')
        ? keys.get(name.slice(0, -'_FILE'.length))
        : undefined;
    if (exact) {
      result.values.push({ path: exact.path, value: valueOf(exact.node, text), variable });
    } else if (fromFile) {
      if (env[variable.slice(0, -'_FILE'.length)] !== undefined) {
        result.problems.push({
          key: variable,
          problem: `is set as well as ${variable.slice(0, -5)}, expected only one`,
        });
        continue;
      }
      try {
        const content = readText(text, variable).replace(/\r?\n$/, '');
        result.values.push({ path: fromFile.path, value: valueOf(fromFile.node, content), variable });
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        result.problems.push(...error.problems);
      }
    } else if (!NOT_OURS.has(name)) {
      result.problems.push({
        key: variable,
        problem: 'unknown variable, expected one named after a configuration key',
      });
    }
  }
  return result;
}
