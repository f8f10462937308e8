// get-token: the exec credential plugin. Only its JSON goes to stdout.
import { caOf, relayOf } from '../context.ts';
import type { CommonFlags } from '../context.ts';
import { CliError } from '../errors.ts';
import { execCredential, parseExecInfo } from '../exec-credential.ts';
import type { ExecInfo } from '../exec-credential.ts';
import type { Io } from '../io.ts';
import { SessionStore } from '../session/store.ts';
import { credential } from '../session/tokens.ts';
import type { Credential } from '../session/tokens.ts';

/** Prints an ExecCredential. Signs in first only if kubectl says a person can be asked. */
export async function getToken(io: Io, flags: CommonFlags): Promise<void> {
  const info = execInfo(io);
  const store = new SessionStore(io, flags.profile);
  const relay = relayOf(io, flags, store);
  const { token, renewAtMs } = await credentialOrLogin(io, flags, store, relay, info);
  io.out(`${execCredential(info.apiVersion, token, renewAtMs)}\n`);
}

function execInfo(io: Io): ExecInfo {
  try {
    return parseExecInfo(io.env.KUBERNETES_EXEC_INFO);
  } catch (error) {
    throw new CliError('ERR_CLI_USAGE', (error as Error).message, { cause: error });
  }
}

async function credentialOrLogin(
  io: Io,
  flags: CommonFlags,
  store: SessionStore,
  relay: string,
  info: ExecInfo,
): Promise<Credential> {
  try {
    return await credential(io, store, relay);
  } catch (error) {
    const mayAsk = io.interactive && info.interactive === true;
    if (!mayAsk || !(error instanceof CliError) || error.code !== 'ERR_CLI_NOT_SIGNED_IN') throw error;
  }
  const { newSession } = await import('./login.ts');
  const ca = caOf(io, flags, store, relay) ?? info.ca;
  // Ten kubectl started at once must not open ten browsers.
  await store.locked(relay, async () => {
    const ready = await credentialIfAny(io, store, relay);
    if (!ready) store.write(await newSession(io, flags, { store, relay, ca }));
  });
  return credential(io, store, relay);
}

async function credentialIfAny(io: Io, store: SessionStore, relay: string): Promise<boolean> {
  const session = store.read(relay);
  if (session?.token === undefined) return false;
  return session.expiresAtMs === undefined || session.expiresAtMs > io.nowMs() + 60_000;
}
