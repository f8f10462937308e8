/** Reads the imports of a source file and says which of them the architecture forbids. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';

/** One import: `file` is relative to the root, with slashes; `typeOnly` when nothing of it is left at run time. */
export interface Import {
  file: string;
  specifier: string;
  typeOnly: boolean;
}

/** Packages that stand side by side: none knows another, but for the exceptions of `MAY_USE_TYPES_OF`. */
const SIDE_BY_SIDE = new Set(['tunnel', 'kube', 'identity', 'access', 'directory']);
const MAY_USE_TYPES_OF: Readonly<Record<string, string>> = { access: 'kube' };

/** Third parties and the only places that may import them: a package, or a file of it. */
const CONFINED: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^jose$/, ['packages/identity/', 'packages/testbed/']],
  [/^ioredis$/, ['packages/directory/']],
  [/^ws$/, ['packages/tunnel/src/ws-transport.ts', 'packages/tunnel/src/dial.ts']],
  [/^@azure\//, ['packages/identity/', 'packages/cli/']],
];

const STATEMENT = /(?:^|[\n;])[ \t]*(import|export)\b([^;'"`()]*?)\bfrom\s*['"]([^'"\n]+)['"]/g;
const BARE = /(?:^|[\n;])[ \t]*import\s*['"]([^'"\n]+)['"]/g;
const CALL = /\b(?:import|require|createRequire\([^()]*\))\s*\(\s*(?:['"]([^'"\n]+)['"]\s*[,)])?/g;

/** Every import of a source text. An `import()` of a computed name comes out as specifier `?`. */
export function importsOf(file: string, text: string): Import[] {
  const code = text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  const found: Import[] = [];
  for (const [, , clause = '', specifier = ''] of code.matchAll(STATEMENT)) {
    found.push({ file, specifier, typeOnly: isTypeOnly(clause) });
  }
  for (const [, specifier = ''] of code.matchAll(BARE)) found.push({ file, specifier, typeOnly: false });
  for (const [, specifier = '?'] of code.matchAll(CALL)) found.push({ file, specifier, typeOnly: false });
  return found;
}

function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true;
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
  const parts = (names ?? '').split(',').filter((part) => part.trim() !== '');
  return parts.length > 0 && parts.every((part) => /^\s*type\s/.test(part));
}

/** The imports of every `src` below packages/ and services/ of a workspace. */
export function workspaceImports(root: string): Import[] {
  const found: Import[] = [];
  for (const area of ['packages', 'services']) {
    for (const name of readdirSync(join(root, area))) {
      for (const path of sources(join(root, area, name, 'src'))) {
        found.push(...importsOf(relative(root, path).split(sep).join('/'), readFileSync(path, 'utf8')));
      }
    }
  }
  return found;
}

function sources(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[cm]?[jt]s$/.test(name))
    .map((name) => join(dir, name));
}

/** One line for each import that breaks a rule, and one for each cycle between packages. */
export function violations(imports: readonly Import[], services: ReadonlySet<string>): string[] {
  const lines: string[] = [];
  const uses = new Map<string, Set<string>>();
  for (const each of imports) {
    const [area = '', owner = ''] = each.file.split('/');
    const why = reason(each, area, owner, services);
    if (why !== undefined) lines.push(`${each.file} imports ${each.specifier}: ${why}`);
    const target = workspaceName(each.specifier);
    if (target === undefined || target === owner) continue;
    uses.set(owner, (uses.get(owner) ?? new Set()).add(target));
  }
  return [...lines, ...cycles(uses)];
}

function workspaceName(specifier: string): string | undefined {
  return /^@fairlead\/([^/]+)/.exec(specifier)?.[1];
}

function reason(
  { file, specifier, typeOnly }: Import,
  area: string,
  owner: string,
  services: ReadonlySet<string>,
): string | undefined {
  if (specifier === '?') return 'a computed name cannot be checked';
  if (specifier.startsWith('.')) {
    const home = `${area}/${owner}/src/`;
    const target = posix.join(posix.dirname(file), specifier);
    return target.startsWith(home) ? undefined : `leaves ${home}`;
  }
  for (const [name, places] of CONFINED) {
    if (name.test(specifier) && !places.some((place) => file.startsWith(place)))
      return `belongs in ${places.join(', ')}`;
  }
  const target = workspaceName(specifier);
  if (target === undefined || target === owner) return undefined;
  if (target === 'testbed') return 'testbed is for tests and the demo';
  if (services.has(target))
    return area === 'services' ? 'services do not know each other' : 'packages do not know services';
  if (!SIDE_BY_SIDE.has(owner) || !SIDE_BY_SIDE.has(target)) return undefined;
  if (MAY_USE_TYPES_OF[owner] !== target) return `${owner} and ${target} do not know each other`;
  return typeOnly ? undefined : `${owner} may use types of ${target} only`;
}

function cycles(uses: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    const at = path.indexOf(name);
    if (at !== -1) {
      found.push(`cycle: ${[...path.slice(at), name].join(' → ')}`);
      return;
    }
    if (done.has(name)) return;
    for (const next of uses.get(name) ?? []) visit(next, [...path, name]);
    done.add(name);
  };
  for (const name of uses.keys()) visit(name, []);
  return found;
}
