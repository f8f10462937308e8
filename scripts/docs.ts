/** Fills the tables of docs/reference from the code: `node scripts/docs.ts` writes them, test/docs.test.ts compares. */

import { readFileSync, writeFileSync } from 'node:fs';
import { AgentConfigSchema } from '@fairlead/agent';
import { describeKeys, envName, type KeyDescription } from '@fairlead/config';
import { RelayConfigSchema } from '@fairlead/relay';
import { processIo } from '../packages/cli/src/io.ts';
import { program } from '../packages/cli/src/program.ts';
import { Metrics } from '../services/relay/src/metrics.ts';

/** Words for keys whose schema has none. */
const MEANINGS: Readonly<Record<string, string>> = {
  listen: 'The public listener',
  internal: 'The internal listener; reachable by operators and probes only',
  tls: 'Certificate of the public listener',
  storage: 'Embedded storage',
  issuers: 'The closed list of issuers whose tokens are accepted; at most 64',
  'issuers[].name': "Appears in logs and as the principal's issuer",
  'issuers[].preset':
    '`oidc`: any OpenID Connect provider; `entra`: Microsoft Entra ID, v1 and v2 tokens of one tenant',
  'issuers[].issuer':
    '`oidc`: the exact `iss`, needed. `entra`: the authority, by default https://login.microsoftonline.com',
  'issuers[].tenant': '`entra`: the id of the tenant, a GUID; the `tid` of every token',
  'issuers[].audience': 'Every audience in a token must be one of these',
  'issuers[].jwksFile': 'File with the keys (JWK Set), in place of discovery',
  'issuers[].caFile': "PEM file of the CA of the issuer's server, in place of the system's",
  'issuers[].algorithms': 'Signature algorithms that are accepted; there is no symmetric one',
  'issuers[].typ': 'The `typ` header that is demanded, such as at+jwt; without it JWT, at+jwt or none',
  'issuers[].usernameClaim':
    '`oidc`: claim of the user name, by default `sub`. `entra`: always `upn`, else `oid`',
  'issuers[].usernamePrefix': 'Put before the user name',
  'issuers[].groupsClaim': 'Claim of the groups',
  'issuers[].groupsPrefix': 'Put before each group',
  'issuers[].requiredClaims': 'Claims that must be exactly this text, or a list with it',
  'issuers[].clockSkewSeconds': "How far the issuer's clock may be off, 0 to 300",
  'issuers[].login': 'What `fairlead login` needs to sign in here; plays no part in verification',
  'issuers[].login.clientId': 'The public client that people sign in with',
  'issuers[].login.scopes': 'Scopes to ask for, beside `openid` and `offline_access`',
  access: 'Gate 1: who may reach which cluster at all. Whoever no rule names may reach none',
  'access[].cluster': 'Name of a cluster, or `*` for all',
  'access[].users': "User names, exactly as the issuer's configuration makes them, prefix included",
  'access[].groups': "Groups, likewise; for Entra the group's object id",
  'access[].serviceAccounts': '`namespace:name` of the cluster itself',
  admins: 'Who adds and removes clusters',
  relay: 'The relay to dial',
  apiServer: 'The API server to send to; in a pod nothing is needed here',
  health: 'The health listener: /livez, /readyz',
};

interface Row {
  name: string;
  cells: string[];
}

/** The pages and, in each, the marked places with what belongs there. */
export async function tables(): Promise<Record<string, Record<string, string>>> {
  return {
    'docs/reference/configuration.md': {
      relay: configuration(describeKeys(RelayConfigSchema)),
      agent: configuration(describeKeys(AgentConfigSchema)),
    },
    'docs/reference/metrics.md': { metrics: await metrics() },
    'docs/reference/cli.md': { commands: commands() },
  };
}

/** The meaning of a key: its schema's own words first. Empty if nobody has said it. */
export function meaningOf({ key, description }: KeyDescription): string {
  return description || (MEANINGS[key] ?? '');
}

function configuration(keys: readonly KeyDescription[]): string {
  return table(
    ['key', 'variable', 'type', 'default', 'meaning'],
    keys.map((each) => ({
      name: each.key,
      cells: [variable(each.key), each.type, defaultOf(each), meaningOf(each)],
    })),
  );
}

/** Keys inside a list have no variable of their own. */
function variable(key: string): string {
  return key.includes('[]') ? '' : `\`FAIRLEAD_${envName(key.split('.'))}\``;
}

function defaultOf(each: KeyDescription): string {
  if (each.required) return 'required';
  const text = each.default === undefined ? '' : JSON.stringify(each.default);
  return ['', '{}', '[]', '""'].includes(text) ? '' : `\`${text}\``;
}

type Command = ReturnType<typeof program>;

/** A section for each command, as its own help describes it. */
function commands(): string {
  const io = { ...processIo(new AbortController().signal), name: 'fairlead' };
  const sections = (command: Command, path: string): string[] =>
    command.commands.flatMap((each) => {
      const name = `${path} ${each.name()}`;
      if (each.commands.length > 0) return sections(each, name);
      const given = each.registeredArguments.map((argument) => ` <${argument.name()}>`).join('');
      const text = `${each.description().charAt(0).toUpperCase()}${each.description().slice(1)}.`;
      const own = each.options.filter(({ long }) => !COMMON.has(long ?? ''));
      const rows = own.map(({ flags, description, defaultValue, argChoices }) => ({
        name: flags,
        cells: [
          description + (argChoices ? `: ${argChoices.join(', ')}` : ''),
          defaultValue === undefined ? '' : `\`${String(defaultValue)}\``,
        ],
      }));
      const options = rows.length === 0 ? [] : ['', table(['option', 'meaning', 'default'], rows)];
      return [[`### ${name}${given}`, text, ...options, ''].join('\n')];
    });
  return `\n${sections(program(io, ''), 'fairlead').join('\n')}`;
}

/** Options of every command, described once on the page. */
const COMMON: ReadonlySet<string> = new Set(['--relay', '--profile', '--ca-file']);

/** Names, types and help as a scrape of a relay without traffic shows them. */
async function metrics(): Promise<string> {
  const { registry } = new Metrics({ links: () => 0, streams: () => 0, unreadBytes: () => 0 });
  const text = await registry.metrics();
  const help = new Map(
    [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', words = '']) => [name, words]),
  );
  return table(
    ['metric', 'type', 'meaning'],
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({
      name,
      cells: [type, help.get(name) ?? ''],
    })),
  );
}

function table(headings: readonly string[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(headings),
    `|${headings.map(() => '---|').join('')}`,
    ...rows.map(({ name, cells }) => line([`\`${name}\``, ...cells])),
  ].join('\n');
}

/** A page with its marked places filled. Throws TypeError for a place that the page does not have. */
export function fill(page: string, places: Readonly<Record<string, string>>): string {
  let filled = page;
  for (const [name, text] of Object.entries(places)) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const [from, to] = [filled.indexOf(begin), filled.indexOf(end)];
    if (from === -1 || to < from) throw new TypeError(`the page has no place '${name}'`);
    filled = `${filled.slice(0, from + begin.length)}\n${text}\n${filled.slice(to)}`;
  }
  return filled;
}

if (import.meta.main) {
  for (const [path, places] of Object.entries(await tables())) {
    const url = new URL(`../${path}`, import.meta.url);
    writeFileSync(url, fill(readFileSync(url, 'utf8'), places));
  }
}
