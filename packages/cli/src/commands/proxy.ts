// proxy: what `az connectedk8s proxy` does, for a cluster behind a relay.
import { randomBytes } from 'node:crypto';
import * as https from 'node:https';
import { once } from 'node:events';
import { targetOf } from '../context.ts';
import type { CommonFlags, Target } from '../context.ts';
import { CliError, reasonOf } from '../errors.ts';
import type { Io } from '../io.ts';
import { proxyEntry } from '../kubeconfig/entry.ts';
import { kubeconfigFiles } from '../kubeconfig/locate.ts';
import { isShared, mergeKubeconfig, printKubeconfig } from '../kubeconfig/merge.ts';
import { LocalProxy } from '../proxy/listener.ts';
import { checkToken, credential, credentialOf, tokenOfFile } from '../session/tokens.ts';
import type { Credential } from '../session/tokens.ts';
import { checkClusterName } from './kubeconfig.ts';

export interface ProxyFlags extends CommonFlags {
  name: string;
  resourceGroup?: string;
  token?: string;
  tokenFile?: string;
  file?: string;
  kubeContext?: string;
  overwrite?: boolean;
  port: number;
}

/** Serves until SIGINT or SIGTERM, then ends well. */
export async function proxy(io: Io, flags: ProxyFlags): Promise<void> {
  const target = targetOf(io, flags);
  const cluster = checkClusterName(flags.name);
  const token = cached(io, await tokenSource(io, flags, target));
  await token();
  const secret = randomBytes(32).toString('base64url');
  await using local = await LocalProxy.start({
    relay: target.relay,
    cluster,
    ca: target.ca,
    port: flags.port,
    secret,
    token,
  });
  await checkReady(io, local, cluster, secret);
  io.note(`Proxy is listening on port ${local.port}`);
  const name = flags.kubeContext ?? cluster;
  const entry = proxyEntry({ name, relay: target.relay, cluster }, local.origin, local.certificate, secret);
  if (flags.file === '-') io.out(printKubeconfig([entry], name));
  else {
    const files = kubeconfigFiles(io.env, flags.file);
    const file = await mergeKubeconfig([entry], {
      files,
      overwrite: flags.overwrite === true,
      current: name,
    });
    if (isShared(file)) io.note(`warning: ${file} can be read by others`);
    io.note(`Merged "${name}" as current context in ${file}`);
    io.note(`Start sending kubectl requests on '${name}' context using kubeconfig at ${file}`);
  }
  io.note('Press Ctrl+C to close proxy.');
  if (!io.signal.aborted) await once(io.signal, 'abort');
}

/** Where the user's token comes from: --token, --token-file, else the session. */
async function tokenSource(
  io: Io,
  flags: ProxyFlags,
  { store, relay }: Target,
): Promise<() => Promise<Credential>> {
  if (flags.token !== undefined && flags.tokenFile !== undefined) {
    throw new CliError('ERR_CLI_USAGE', '--token and --token-file exclude each other');
  }
  if (flags.token !== undefined) {
    const fromStdin = flags.token === '-';
    if (!fromStdin)
      io.note(
        'warning: other users of this machine can see a token given as --token; use --token-file or --token -',
      );
    const token = checkToken(fromStdin ? (await io.readStdin()).trim() : flags.token, '--token');
    const given = credentialOf(token);
    return async () => given;
  }
  const { tokenFile } = flags;
  return tokenFile === undefined ? () => credential(io, store, relay) : async () => tokenOfFile(tokenFile);
}

const RECHECK_MS = 5_000;

/** Asks the source again when the token is due, and every 5 s for one that may be replaced; one question at a time. */
function cached(io: Io, source: () => Promise<Credential>): () => Promise<string> {
  let held: { token: string; untilMs: number } | undefined;
  let asking: Promise<string> | undefined;
  return () => {
    const now = io.nowMs();
    if (held && now < held.untilMs) return Promise.resolve(held.token);
    asking ??= source()
      .then(({ token, renewAtMs }) => {
        held = { token, untilMs: Math.min(io.nowMs() + RECHECK_MS, renewAtMs ?? Number.POSITIVE_INFINITY) };
        return token;
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
}

/** One request the whole way; anything the API server says is fine, a refusal by the relay is not. */
async function checkReady(io: Io, local: LocalProxy, cluster: string, secret: string): Promise<void> {
  const { status, body } = await get(io, `${local.origin}/version`, local.certificate, secret);
  if (status < 400) return;
  const said = statusOf(body);
  const code = said?.details?.causes?.[0]?.reason;
  const fromRelay = typeof code === 'string' && code.startsWith('ERR_');
  if (!fromRelay && status === 403) return;
  const message = typeof said?.message === 'string' ? said.message : `HTTP ${status}`;
  throw new CliError('ERR_CLI_REFUSED', `cluster "${cluster}" cannot be reached: ${message}`);
}

/** The parts of a Kubernetes Status that matter here; undefined if the body is none. */
function statusOf(
  body: string,
): { message?: unknown; details?: { causes?: { reason?: unknown }[] } } | undefined {
  try {
    return JSON.parse(body) ?? undefined;
  } catch {
    return undefined;
  }
}

function get(io: Io, url: string, ca: string, secret: string): Promise<{ status: number; body: string }> {
  const done = Promise.withResolvers<{ status: number; body: string }>();
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(30_000)]);
  const failed = (error: Error): void => {
    const interrupted = new CliError('ERR_CLI_INTERRUPTED', 'interrupted', { cause: error });
    done.reject(
      io.signal.aborted
        ? interrupted
        : new CliError('ERR_CLI_RELAY_UNREACHABLE', `no answer: ${reasonOf(error)}`, { cause: error }),
    );
  };
  const request = https.get(
    url,
    { ca, agent: false, signal, headers: { authorization: `Bearer ${secret}` } },
    (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body = (body + chunk).slice(0, 65_536);
      });
      response.on('end', () => done.resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', failed);
    },
  );
  request.on('error', failed);
  return done.promise;
}
