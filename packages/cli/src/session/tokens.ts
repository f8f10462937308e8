// Gives the token of a session, refreshed by exactly one process when it is about to end.
import { CliError } from '../errors.ts';
import { readTextFile } from '../files.ts';
import type { Io } from '../io.ts';
import { renewAtMs, tokenTimes } from './jwt.ts';
import type { Session, SessionStore } from './store.ts';

/** A token for the relay; `renewAtMs` (since the epoch) is when to come back for the next, absent if it does not end. */
export interface Credential {
  token: string;
  renewAtMs?: number;
}

/** Throws CliError ERR_CLI_NOT_SIGNED_IN when there is no session or it cannot be renewed. */
export async function credential(io: Io, store: SessionStore, relay: string): Promise<Credential> {
  const session = store.read(relay);
  const ready = usable(io, session);
  if (ready) return ready;
  if (!session) throw notSignedIn(io, store, relay, 'you are not signed in');
  if (!session.refreshToken || !session.issuer) throw notSignedIn(io, store, relay, 'your session has ended');
  return store.locked(relay, async () => {
    // Whoever had the lock before us has most likely refreshed already.
    const latest = store.read(relay);
    const done = usable(io, latest);
    if (done) return done;
    if (!latest?.refreshToken) throw notSignedIn(io, store, relay, 'your session has ended');
    const { refresh } = await import('./oidc.ts');
    const renewed = await refresh(io, latest);
    if (!renewed) {
      store.write({ ...latest, refreshToken: undefined, token: undefined });
      throw notSignedIn(io, store, relay, 'your session has ended: its issuer does not renew it');
    }
    store.write(renewed);
    return usable(io, renewed, true) ?? { token: renewed.token ?? '' };
  });
}

/** The session's token if it need not be renewed yet. `fresh`: it was issued just now, so no clock can call it old. */
function usable(io: Io, session: Session | undefined, fresh = false): Credential | undefined {
  if (session?.tokenFile !== undefined) return tokenOfFile(session.tokenFile);
  if (session?.token === undefined) return undefined;
  if (session.expiresAtMs === undefined) return { token: session.token };
  const at = renewAtMs({ issuedAtMs: session.issuedAtMs, expiresAtMs: session.expiresAtMs });
  return fresh || io.nowMs() < at ? { token: session.token, renewAtMs: at } : undefined;
}

/** The token in a file, with when it ends. Throws CliError ERR_CLI_FILE. */
export function tokenOfFile(path: string): Credential {
  const token = readTextFile(path, 'token file').trim();
  return credentialOf(checkToken(token, `token file ${path}`));
}

/** A token that came from outside, with when it ends. */
export function credentialOf(token: string): Credential {
  const { expiresAtMs, issuedAtMs } = tokenTimes(token);
  if (expiresAtMs === undefined) return { token };
  return { token, renewAtMs: renewAtMs({ expiresAtMs, issuedAtMs: issuedAtMs ?? expiresAtMs - 300_000 }) };
}

/** Refuses what cannot be a bearer token (RFC 6750 section 2.1) before it breaks a header. Never repeats it. */
export function checkToken(token: string, what: string): string {
  if (/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) return token;
  throw new CliError('ERR_CLI_FILE', `${what} does not hold a token`);
}

function notSignedIn(io: Io, store: SessionStore, relay: string, why: string): CliError {
  const profile = store.profile === 'default' ? '' : ` --profile ${store.profile}`;
  return new CliError(
    'ERR_CLI_NOT_SIGNED_IN',
    `${why} at ${relay}; run: ${io.name} login --relay ${relay}${profile}`,
  );
}
