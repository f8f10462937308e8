// The commands and their flags; what a command does is loaded when it is called.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Io } from './io.ts';
import type { CommonFlags } from './context.ts';
import type { KubeconfigFlags } from './commands/kubeconfig.ts';
import type { LoginFlags } from './commands/login.ts';
import type { ProxyFlags } from './commands/proxy.ts';
import type { Format } from './output.ts';

type OutputFlags = CommonFlags & { output: Format };

// As in output.ts, which is not loaded here.
const FORMATS = ['table', 'wide', 'name', 'json', 'yaml'];

function port(text: string): number {
  const value = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('expected a port from 0 to 65535.');
}

function common(command: Command): Command {
  return command
    .option('--relay <url>', 'URL of the relay (default: $FAIRLEAD_RELAY, else the one signed in to last)')
    .option('--profile <name>', 'which of several sessions to use (default: $FAIRLEAD_PROFILE)')
    .option(
      '--ca-file <file>',
      'PEM file of the CA of the relay and issuer (default: $FAIRLEAD_CA_FILE, else as at sign-in)',
    );
}

function withOutput(command: Command): Command {
  return common(command).addOption(
    new Option('-o, --output <format>', 'how to print').choices(FORMATS).default('table'),
  );
}

/** The whole command line. Throws commander's CommanderError for usage, help and version; CliError from commands. */
export function program(io: Io, version: string): Command {
  const root = new Command(io.name)
    .description('Reach Kubernetes clusters behind a Fairlead relay.')
    .version(version, '--version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.note(text.trimEnd()) })
    .showHelpAfterError(`(see ${io.name} --help)`);
  sessionCommands(root, io);
  kubeCommands(root, io);
  clusterCommands(root, io);
  return root;
}

function sessionCommands(root: Command, io: Io): void {
  common(root.command('login').description('sign in at a relay'))
    .option('--issuer <name>', 'which of the issuers the relay offers')
    .option('--device', 'sign in on another device, with a code')
    .option('--no-browser', 'print the URL instead of opening a browser (also: FAIRLEAD_NO_BROWSER=1)')
    .option('--token-file <file>', 'use the token in this file instead of signing in')
    .action(async (flags: LoginFlags) => (await import('./commands/login.ts')).login(io, flags));
  common(root.command('logout').description('forget the session')).action(async (flags: CommonFlags) =>
    (await import('./commands/login.ts')).logout(io, flags),
  );
  withOutput(root.command('whoami').description('say who the relay takes you for')).action(
    async (flags: OutputFlags) => (await import('./commands/login.ts')).whoami(io, flags),
  );
  common(root.command('get-token').description('print a token for kubectl (exec credential plugin)')).action(
    async (flags: CommonFlags) => (await import('./commands/get-token.ts')).getToken(io, flags),
  );
}

function kubeCommands(root: Command, io: Io): void {
  common(root.command('kubeconfig').description('write contexts that reach clusters through the relay'))
    .option('-n, --name <cluster>', 'the cluster')
    .option('--all', 'every cluster you have access to')
    .option('-f, --file <file>', 'kubeconfig to write, - prints (default: $KUBECONFIG, else ~/.kube/config)')
    .option('--context <name>', 'name of the context (default: name of the cluster)')
    .option('--overwrite', 'replace entries of the same name that are not ours')
    .action(async (flags: KubeconfigFlags) =>
      (await import('./commands/kubeconfig.ts')).kubeconfig(io, flags),
    );
  common(root.command('proxy').description('serve a cluster on a local port until Ctrl+C'))
    .requiredOption('-n, --name <cluster>', 'the cluster')
    .option(
      '-g, --resource-group <name>',
      'accepted and ignored, for scripts written for az connectedk8s proxy',
    )
    .option('--token <token>', 'service account token, - reads standard input; --token-file is safer')
    .option('--token-file <file>', 'file with a token, read again when it changes')
    .option('-f, --file <file>', 'kubeconfig to write, - prints (default: $KUBECONFIG, else ~/.kube/config)')
    .option('--kube-context <name>', 'name of the context (default: name of the cluster)')
    .option('--overwrite', 'replace entries of the same name that are not ours')
    .addOption(new Option('--port <port>', 'local port, 0 for any free one').default(47_011).argParser(port))
    .action(async (flags: ProxyFlags) => (await import('./commands/proxy.ts')).proxy(io, flags));
}

function clusterCommands(root: Command, io: Io): void {
  const clusters = root.command('clusters').description('list and administer clusters');
  withOutput(clusters.command('list').alias('ls').description('the clusters you have access to')).action(
    async (flags: OutputFlags) => (await import('./commands/clusters.ts')).list(io, flags),
  );
  withOutput(clusters.command('show').description('one cluster').argument('<name>')).action(
    async (name: string, flags: OutputFlags) =>
      (await import('./commands/clusters.ts')).show(io, name, flags),
  );
  withOutput(
    clusters
      .command('add')
      .description('add a cluster; prints the join token for its agent')
      .argument('<name>'),
  ).action(async (name: string, flags: OutputFlags) =>
    (await import('./commands/clusters.ts')).add(io, name, flags),
  );
  withOutput(
    clusters.command('remove').alias('rm').description('remove a cluster').argument('<name>'),
  ).action(async (name: string, flags: OutputFlags) =>
    (await import('./commands/clusters.ts')).remove(io, name, flags),
  );
}
