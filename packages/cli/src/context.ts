// What most commands begin with: which profile, which relay, which session, which API.
import { CliError } from './errors.ts';
import { relayUrl } from './relay-url.ts';
import type { Io } from './io.ts';
import type { RelayApi } from './relay-api.ts';
import { readTextFile } from './files.ts';
import { SessionStore } from './session/store.ts';
import { credential } from './session/tokens.ts';

/** Flags that every command takes. */
export interface CommonFlags {
  relay?: string;
  profile?: string;
  caFile?: string;
}

/** The relay meant: --relay, $FAIRLEAD_RELAY, the one signed in to last. Throws CliError ERR_CLI_USAGE if none is known. */
export function relayOf(io: Io, flags: CommonFlags, store: SessionStore): string {
  const given = flags.relay ?? io.env.FAIRLEAD_RELAY;
  if (given) return relayUrl(given);
  const known = store.list();
  const relay = store.current ?? (known.length === 1 ? known[0]?.relay : undefined);
  if (relay) return relay;
  throw new CliError(
    'ERR_CLI_USAGE',
    'which relay? Give --relay URL or FAIRLEAD_RELAY; `login` remembers it',
  );
}

/** PEM of the CA: --ca-file, $FAIRLEAD_CA_FILE, else the one the session remembers. */
export function caOf(io: Io, flags: CommonFlags, store: SessionStore, relay: string): string | undefined {
  const file = flags.caFile ?? io.env.FAIRLEAD_CA_FILE;
  if (file === undefined || file === '') return store.read(relay)?.ca;
  const pem = readTextFile(file, 'CA file');
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new CliError('ERR_CLI_FILE', `CA file ${file} holds no PEM certificate`);
}

export interface Target {
  store: SessionStore;
  relay: string;
  ca: string | undefined;
}

/** Profile, relay and CA in one. */
export function targetOf(io: Io, flags: CommonFlags): Target {
  const store = new SessionStore(io, flags.profile);
  const relay = relayOf(io, flags, store);
  return { store, relay, ca: caOf(io, flags, store, relay) };
}

/** The relay's API as the signed-in user. */
export async function apiOf(io: Io, { store, relay, ca }: Target): Promise<RelayApi> {
  const { RelayApi } = await import('./relay-api.ts');
  return new RelayApi(relay, ca, async () => (await credential(io, store, relay)).token);
}
