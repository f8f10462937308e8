// Fills in defaults and finds every wrong key of a value, one problem a key, unknown keys included.
import { Compile } from 'typebox/compile';
import type { ConfigProblem } from './errors.ts';
import { expectation } from './schema.ts';
import type { SchemaNode } from './schema.ts';

type Plain = Record<string, unknown>;

export function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True if the value fits the node (TypeBox decides). */
export function fits(node: SchemaNode, value: unknown): boolean {
  return Compile(node as never).Check(value);
}

/** A copy with defaults filled in; a missing required object is made if its own keys have defaults. */
export function withDefaults(node: SchemaNode, value: unknown): unknown {
  if (value === undefined && node.default !== undefined)
    return withDefaults(node, structuredClone(node.default));
  if (node.properties && isPlain(value)) {
    const result: Plain = { ...value };
    for (const [name, child] of Object.entries(node.properties)) {
      const required = (node.required ?? []).includes(name);
      const given = Object.hasOwn(result, name) ? result[name] : undefined;
      const filled = withDefaults(child, given === undefined && required && child.properties ? {} : given);
      if (filled !== undefined) result[name] = filled;
    }
    return result;
  }
  if (node.items && Array.isArray(value)) {
    const { items } = node;
    return value.map((item) => withDefaults(items, item));
  }
  if (node.anyOf && isPlain(value)) {
    const branch = branchOf(node.anyOf, value);
    return branch ? withDefaults(branch, value) : value;
  }
  return value;
}

/** The branch of a union meant by a value: by its literal keys, else the only object branch. */
function branchOf(branches: readonly SchemaNode[], value: Plain): SchemaNode | undefined {
  const objects = branches.filter((branch) => branch.properties);
  const meant = objects.filter((branch) =>
    Object.entries(branch.properties ?? {}).every(
      ([k, child]) => !('const' in child) || child.const === value[k],
    ),
  );
  return meant.length === 1 ? meant[0] : meant.find((branch) => fits(branch, value));
}

/** Every problem of a value, in the schema's order. `origin` says where a key's value came from, if worth saying. */
export function problemsOf(
  node: SchemaNode,
  value: unknown,
  key = '',
  origin: (key: string) => string = () => '',
): ConfigProblem[] {
  const here = (problem: string): ConfigProblem => ({
    key: key || '(top level)',
    problem: problem + origin(key),
  });
  if (value === undefined) return [here(`is missing, expected ${expectation(node)}`)];
  const branch = node.anyOf && isPlain(value) ? branchOf(node.anyOf, value) : undefined;
  const target = branch ?? node;
  const nested: ConfigProblem[] = [];
  if (target.properties && isPlain(value)) nested.push(...objectProblems(target, value, key, origin));
  else if (target.items && Array.isArray(value)) {
    const { items } = target;
    value.forEach((item, i) => nested.push(...problemsOf(items, item, `${key}[${i}]`, origin)));
  }
  if (nested.length > 0 || fits(target, value)) return nested;
  const said = SECRET.test(key) ? 'this value' : shown(value);
  return [here(`${said} is not allowed, expected ${expectation(target)}`)];
}

function objectProblems(
  node: SchemaNode,
  value: Plain,
  key: string,
  origin: (key: string) => string,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const dotted = (name: string): string => (key ? `${key}.${name}` : name);
  const known = node.properties ?? {};
  for (const [name, child] of Object.entries(known)) {
    const present = Object.hasOwn(value, name) && value[name] !== undefined;
    if (present || (node.required ?? []).includes(name)) {
      problems.push(...problemsOf(child, present ? value[name] : undefined, dotted(name), origin));
    }
  }
  const open = node.additionalProperties !== undefined && node.additionalProperties !== false;
  if (open || node.patternProperties) return problems;
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(known, name)) continue;
    const problem = `unknown key, expected one of ${Object.keys(known).join(', ')}${origin(dotted(name))}`;
    problems.push({ key: dotted(name), problem });
  }
  return problems;
}

/** Keys whose values are never printed; a URL may hold a password. */
const SECRET = /(?:secret|token|password|passphrase|credential|privateKey|url)$/i;

/** A wrong value for an error line; only its kind if it is long, several lines, or could be a secret. */
function shown(value: unknown): string {
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  const text = String(value);
  if (typeof value === 'string' && !/^[\w .:/-]{0,32}$/.test(text)) return 'this text';
  return typeof value === 'string' ? `"${text}"` : text;
}
