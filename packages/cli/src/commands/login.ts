// login, logout and whoami.
import { resolve } from 'node:path';
import { apiOf, targetOf } from '../context.ts';
import type { CommonFlags, Target } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';
import { print } from '../output.ts';
import type { Format } from '../output.ts';
import { RelayApi } from '../relay-api.ts';
import { revoke, signIn } from '../session/oidc.ts';
import type { LoginIssuer } from '../session/oidc.ts';
import type { Session } from '../session/store.ts';
import { tokenOfFile } from '../session/tokens.ts';

export interface LoginFlags extends CommonFlags {
  issuer?: string;
  device?: boolean;
  /** False with --no-browser. */
  browser?: boolean;
  tokenFile?: string;
}

/** Signs in and remembers the session and the relay. */
export async function login(io: Io, flags: LoginFlags): Promise<void> {
  const target = targetOf(io, flags);
  target.store.write(await newSession(io, flags, target));
  target.store.current = target.relay;
  const { user } = await (await apiOf(io, target)).whoami();
  io.note(`Signed in at ${target.relay} as ${user}`);
}

/** A session from a sign-in or a token file; not stored. */
export async function newSession(io: Io, flags: LoginFlags, { relay, ca }: Target): Promise<Session> {
  if (flags.tokenFile !== undefined) {
    tokenOfFile(flags.tokenFile);
    return { version: 1, relay, ca, tokenFile: resolve(flags.tokenFile), issuedAtMs: io.nowMs() };
  }
  const { issuers } = await new RelayApi(relay, ca).login();
  const openBrowser = flags.browser !== false && !io.env.FAIRLEAD_NO_BROWSER;
  return signIn(io, {
    relay,
    ca,
    issuer: chosen(issuers, flags.issuer),
    device: flags.device === true,
    openBrowser,
  });
}

function chosen(issuers: readonly LoginIssuer[], name: string | undefined): LoginIssuer {
  const names = issuers.map((issuer) => issuer.name).join(', ');
  if (issuers.length === 0)
    throw new CliError('ERR_CLI_LOGIN_FAILED', 'the relay offers no issuer to sign in at; give --token-file');
  const [only] = issuers;
  if (name === undefined && issuers.length === 1 && only) return only;
  if (name === undefined)
    throw new CliError('ERR_CLI_USAGE', `the relay offers several issuers; give --issuer, one of ${names}`);
  const found = issuers.find((issuer) => issuer.name === name);
  if (found) return found;
  throw new CliError('ERR_CLI_USAGE', `the relay knows no issuer "${name}"; it offers ${names}`);
}

/** Forgets the session, here and at the issuer. */
export async function logout(io: Io, flags: CommonFlags): Promise<void> {
  const { store, relay } = targetOf(io, flags);
  const session = store.read(relay);
  if (!session) {
    io.note(`You were not signed in at ${relay}`);
    return;
  }
  store.remove(relay);
  const revoked = await revoke(session);
  io.note(
    `Signed out at ${relay}${revoked ? '' : '; the issuer could not be told, its session ends by itself'}`,
  );
}

/** Says who the relay takes the user for. */
export async function whoami(io: Io, flags: CommonFlags & { output: Format }): Promise<void> {
  const me = await (await apiOf(io, targetOf(io, flags))).whoami();
  const columns = [
    { heading: 'USER', cell: () => me.user },
    { heading: 'ISSUER', cell: () => me.issuer },
    { heading: 'ADMIN', cell: () => String(me.admin) },
    { heading: 'GROUPS', cell: () => me.groups.join(',') },
  ];
  print(io, flags.output, [me], columns, me, () => me.user);
}
