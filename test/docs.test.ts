/** The reference pages say what the code says: configuration, metrics, codes of errors. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { AgentConfigSchema } from '@fairlead/agent';
import { describeKeys } from '@fairlead/config';
import { RelayConfigSchema } from '@fairlead/relay';
import t from 'tap';
import { fill, meaningOf, tables } from '../scripts/docs.ts';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

t.test('the tables of configuration and metrics are those that scripts/docs.ts makes', async (t) => {
  for (const [path, places] of Object.entries(await tables())) {
    const page = read(path);
    t.equal(page, fill(page, places), `${path}; write it anew with: node scripts/docs.ts`);
  }
});

t.test('every key of the configuration has a meaning, and no page names a metric that is gone', async (t) => {
  for (const key of [...describeKeys(RelayConfigSchema), ...describeKeys(AgentConfigSchema)]) {
    t.not(meaningOf(key), '', key.key);
    t.ok(read('docs/reference/configuration.md').includes(`\n| \`${key.key}\` |`), key.key);
  }
  const page = read('docs/reference/metrics.md');
  const { metrics = '' } = (await tables())['docs/reference/metrics.md'] ?? {};
  const named = page.match(/fairlead_[a-z_]+/g) ?? [];
  t.ok(named.length > 0);
  for (const name of named) t.ok(metrics.includes(`\`${name}\``), name);
});

t.test('a page without the place is an error, not an unchanged page', async (t) => {
  t.throws(() => fill('# Page\n', { relay: '' }), TypeError);
  t.equal(
    fill('<!-- begin a -->\nold\n<!-- end a -->\n', { a: 'new' }),
    '<!-- begin a -->\nnew\n<!-- end a -->\n',
  );
});

t.test('every code of an error is on one of the two pages, and none there is dead', async (t) => {
  const seen = listedCodes('docs/reference/errors.md');
  const inside = listedCodes('docs/reference/internal-errors.md');
  const used = codesInSource();
  t.ok(used.size > 50, 'codes were found');
  t.strictSame(
    [...used].filter((code) => !seen.has(code) && !inside.has(code)),
    [],
    'not on a page',
  );
  t.strictSame(
    [...inside].filter((code) => !used.has(code)),
    [],
    'dead',
  );
  t.strictSame(
    [...inside].filter((code) => seen.has(code)),
    [],
    'on both pages',
  );
});

t.test('every link from a page to a file of the repository leads somewhere', async (t) => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
  for (const name of readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' }))
    if (name.endsWith('.md')) pages.push(`docs/${name}`);
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map(([, target = '']) => ({ page, target }))
      .filter(({ target }) => !/^[a-z]+:/.test(target)),
  );
  t.ok(links.length > 20, 'links were found');
  for (const { page, target } of links)
    t.ok(existsSync(new URL(target, new URL(page, root))), `${page}: ${target}`);
});

t.test('the walk-through names files that exist, eight in its table', async (t) => {
  const page = read('docs/walkthrough.md');
  const steps = [...page.matchAll(/^\| ([0-9]) \| `([^`]+)` \|/gm)];
  t.strictSame(
    steps.map(([, number]) => number),
    ['1', '2', '3', '4', '5', '6', '7', '8'],
  );
  for (const [path] of page.matchAll(/(?:services|packages|test)\/[a-z0-9/.-]+\.ts/g))
    t.ok(existsSync(new URL(path, root)), path);
});

/** First cells of the tables of a page. */
function listedCodes(path: string): Set<string> {
  return new Set([...read(path).matchAll(/^\| `(ERR_[A-Z_]+)` \|/gm)].map(([, code = '']) => code));
}

/** Codes in quotes in all sources but the testbed's; a prefix given to startsWith is none. */
function codesInSource(): Set<string> {
  const found = new Set<string>();
  for (const area of ['packages/', 'services/']) {
    for (const name of readdirSync(new URL(area, root)).filter((each) => each !== 'testbed')) {
      const src = new URL(`${area}${name}/src/`, root);
      for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.ts')) continue;
        const text = readFileSync(new URL(file, src), 'utf8');
        // Quoted, or as a key of an object.
        for (const [, quoted, key] of text.matchAll(
          /(?<!startsWith\()['"](ERR_[A-Z_]*[A-Z])['"]|^\s*(ERR_[A-Z_]*[A-Z]):/gm,
        ))
          found.add(quoted ?? key ?? '');
      }
    }
  }
  return found;
}
