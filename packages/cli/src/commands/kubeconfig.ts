// kubeconfig: writes contexts that go straight to the relay, with `get-token` as exec plugin.
import { apiOf, targetOf } from '../context.ts';
import type { CommonFlags, Target } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';
import { relayEntry } from '../kubeconfig/entry.ts';
import type { KubeconfigEntry } from '../kubeconfig/entry.ts';
import { kubeconfigFiles } from '../kubeconfig/locate.ts';
import { mergeKubeconfig, printKubeconfig } from '../kubeconfig/merge.ts';

export interface KubeconfigFlags extends CommonFlags {
  name?: string;
  all?: boolean;
  file?: string;
  context?: string;
  overwrite?: boolean;
}

/** Merges the entries into the kubeconfig, or prints them with `-f -`. */
export async function kubeconfig(io: Io, flags: KubeconfigFlags): Promise<void> {
  if (flags.all && (flags.name !== undefined || flags.context !== undefined)) {
    throw new CliError('ERR_CLI_USAGE', '--all goes without --name and --context');
  }
  const target = targetOf(io, flags);
  const names = await clusterNames(io, flags, target);
  const entries = names.map((name) => entryOf(io, target, name, flags.context ?? name));
  const current = entries[0]?.name ?? '';
  if (flags.file === '-') {
    io.out(printKubeconfig(entries, current));
    return;
  }
  const files = kubeconfigFiles(io.env, flags.file);
  const file = await mergeKubeconfig(entries, { files, overwrite: flags.overwrite === true, current });
  for (const each of entries.slice(1)) io.note(`Merged "${each.name}" in ${file}`);
  io.note(`Merged "${current}" as current context in ${file}`);
}

/** With --name the relay is not asked: the file can be written before signing in. */
async function clusterNames(io: Io, flags: KubeconfigFlags, target: Target): Promise<string[]> {
  if (flags.name !== undefined) return [checkClusterName(flags.name)];
  const names = (await (await apiOf(io, target)).clusters()).map((cluster) => checkClusterName(cluster.name));
  if (names.length === 0)
    throw new CliError('ERR_CLI_NOT_FOUND', `you have access to no cluster at ${target.relay}`);
  if (names.length === 1 || flags.all) return names;
  throw new CliError('ERR_CLI_USAGE', `which cluster? Give --all or --name, one of ${names.join(', ')}`);
}

/** A cluster's name is a DNS label; anything else would end up in a URL. Throws CliError ERR_CLI_USAGE. */
export function checkClusterName(name: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return name;
  throw new CliError(
    'ERR_CLI_USAGE',
    `"${name}" is not a cluster name: lower-case letters, digits and dashes, at most 63`,
  );
}

function entryOf(io: Io, { store, relay, ca }: Target, cluster: string, name: string): KubeconfigEntry {
  const args = ['get-token', '--relay', relay];
  if (store.profile !== 'default') args.push('--profile', store.profile);
  const env = io.env.FAIRLEAD_HOME
    ? [{ name: 'FAIRLEAD_HOME', value: homeAbsolute(io.env.FAIRLEAD_HOME) }]
    : [];
  return relayEntry({ name, relay, cluster }, ca, { command: io.executable, args, env });
}

function homeAbsolute(path: string): string {
  return path.startsWith('/') ? path : `${process.cwd()}/${path}`;
}
