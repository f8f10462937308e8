// clusters list, show, add and remove.
import { apiOf, targetOf } from '../context.ts';
import type { CommonFlags } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';
import { print } from '../output.ts';
import type { Column, Format } from '../output.ts';
import type { Cluster } from '../relay-api.ts';
import { checkClusterName } from './kubeconfig.ts';

type Flags = CommonFlags & { output: Format };

const COLUMNS: readonly Column<Cluster>[] = [
  { heading: 'NAME', cell: (cluster) => cluster.name },
  { heading: 'CONNECTED', cell: (cluster) => (cluster.connected ? 'yes' : 'no') },
  { heading: 'LINKS', cell: (cluster) => String(cluster.links ?? '-') },
  { heading: 'AGENTS', cell: (cluster) => String(cluster.agents ?? '-'), wide: true },
  { heading: 'CREATED', cell: (cluster) => created(cluster), wide: true },
];

function created({ createdAt }: Cluster): string {
  if (createdAt === undefined || createdAt === null) return '-';
  return typeof createdAt === 'number' ? new Date(createdAt).toISOString() : createdAt;
}

const nameOf = (cluster: Cluster): string => `cluster/${cluster.name}`;

/** The clusters the user may use. */
export async function list(io: Io, flags: Flags): Promise<void> {
  const clusters = await (await apiOf(io, targetOf(io, flags))).clusters();
  if (clusters.length === 0 && (flags.output === 'table' || flags.output === 'wide'))
    io.note('No clusters found.');
  else print(io, flags.output, clusters, COLUMNS, { clusters }, nameOf);
}

/** One of them. */
export async function show(io: Io, name: string, flags: Flags): Promise<void> {
  const clusters = await (await apiOf(io, targetOf(io, flags))).clusters();
  const found = clusters.find((cluster) => cluster.name === name);
  if (!found)
    throw new CliError('ERR_CLI_NOT_FOUND', `there is no cluster "${name}" that you have access to`);
  print(io, flags.output, [found], COLUMNS, found, nameOf);
}

/** Adds one; its join token is the only thing on stdout, so that it can be piped. */
export async function add(io: Io, name: string, flags: Flags): Promise<void> {
  const target = targetOf(io, flags);
  const added = await (await apiOf(io, target)).addCluster(checkClusterName(name));
  if (flags.output === 'json' || flags.output === 'yaml')
    print(io, flags.output, [added], [], added, () => '');
  else io.out(`${added.joinToken}\n`);
  const until = added.joinTokenExpiresAt;
  const when =
    until === undefined ? '' : `, until ${typeof until === 'number' ? new Date(until).toISOString() : until}`;
  io.note(`Cluster "${name}" is added. Give its agent the join token above; it works once${when}.`);
}

/** Removes one: its agents are cut off and its keys forgotten. */
export async function remove(io: Io, name: string, flags: Flags): Promise<void> {
  await (await apiOf(io, targetOf(io, flags))).removeCluster(checkClusterName(name));
  if (flags.output === 'name') io.out(`cluster/${name}\n`);
  io.note(`Cluster "${name}" is removed.`);
}
