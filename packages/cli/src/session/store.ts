// Sessions on disk: one private file for each profile and relay, plus which relay a profile used last.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import { writePrivate } from '../files.ts';
import { homeOf } from '../io.ts';
import type { Io } from '../io.ts';

/** Who signed in at which relay, and with what. Times in Ms since the epoch. */
export interface Session {
  version: 1;
  relay: string;
  /** PEM of the CA given at sign-in; used for the relay and the issuer. */
  ca?: string | undefined;
  /** Absent for a session made from a token file. */
  issuer?: { name: string; issuer: string; clientId: string; scopes: string[] } | undefined;
  /** The JWT sent to the relay. */
  token?: string | undefined;
  tokenFile?: string | undefined;
  refreshToken?: string | undefined;
  issuedAtMs: number;
  expiresAtMs?: number | undefined;
}

/** The sessions of one profile. */
export class SessionStore {
  readonly #dir: string;
  readonly profile: string;

  constructor(io: Io, profile: string | undefined) {
    this.profile = profile || io.env.FAIRLEAD_PROFILE || 'default';
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(this.profile)) {
      throw new CliError(
        'ERR_CLI_USAGE',
        `profile "${this.profile}" is not a name: letters, digits, dot, dash, underscore`,
      );
    }
    this.#dir = join(homeOf(io.env), 'sessions', this.profile);
  }

  /** The file of a relay's session: readable host plus a hash, so that no URL can leave the folder. */
  path(relay: string): string {
    const host = new URL(relay).host.replaceAll(/[^A-Za-z0-9.-]/g, '_');
    return join(this.#dir, `${host}-${createHash('sha256').update(relay).digest('hex').slice(0, 12)}.json`);
  }

  read(relay: string): Session | undefined {
    return this.#readFile(this.path(relay));
  }

  /** All sessions of the profile. */
  list(): Session[] {
    let names: string[] = [];
    try {
      names = readdirSync(this.#dir).filter((name) => name.endsWith('.json') && name !== 'current.json');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw stateError(this.#dir, error);
    }
    return names
      .map((name) => this.#readFile(join(this.#dir, name)))
      .filter((session) => session !== undefined);
  }

  write(session: Session): void {
    const path = this.path(session.relay);
    try {
      writePrivate(path, `${JSON.stringify(session, null, 2)}\n`);
    } catch (error) {
      throw stateError(path, error);
    }
  }

  remove(relay: string): boolean {
    const there = this.read(relay) !== undefined;
    rmSync(this.path(relay), { force: true });
    return there;
  }

  /** The relay signed in to last. */
  get current(): string | undefined {
    try {
      const value: unknown = JSON.parse(readFileSync(join(this.#dir, 'current.json'), 'utf8'));
      const relay = (value as { relay?: unknown } | null)?.relay;
      return typeof relay === 'string' ? relay : undefined;
    } catch {
      return undefined;
    }
  }

  set current(relay: string) {
    writePrivate(join(this.#dir, 'current.json'), `${JSON.stringify({ relay })}\n`);
  }

  /**
   * Runs `work` while no other process has this relay's lock. Waits up to about 45 s, longer than one refresh takes;
   * a lock whose owner died is taken over after 15 s.
   */
  async locked<T>(relay: string, work: () => Promise<T>): Promise<T> {
    const { lock } = await import('proper-lockfile');
    const path = this.path(relay);
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const retries = { retries: 600, factor: 1, minTimeout: 40, maxTimeout: 75, randomize: true };
    let release: () => Promise<void>;
    try {
      release = await lock(path, { realpath: false, stale: 15_000, update: 5_000, retries });
    } catch (error) {
      throw new CliError(
        'ERR_CLI_STATE',
        `${path}.lock is held by another process for too long; remove it if none runs`,
        {
          cause: error,
        },
      );
    }
    try {
      return await work();
    } finally {
      await release();
    }
  }

  #readFile(path: string): Session | undefined {
    try {
      const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
      if (isSession(value)) return value;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      if (!(error instanceof SyntaxError)) throw stateError(path, error);
    }
    throw new CliError('ERR_CLI_STATE', `${path} is not a session file; remove it and sign in again`);
  }
}

// By hand instead of by a compiled schema: kubectl waits for get-token, which reads nothing else.
function isSession(value: unknown): value is Session {
  const session = value as Partial<Session> | null;
  if (typeof session !== 'object' || session === null || session.version !== 1) return false;
  const optional = [session.ca, session.token, session.tokenFile, session.refreshToken];
  return (
    typeof session.relay === 'string' &&
    typeof session.issuedAtMs === 'number' &&
    optional.every((text) => text === undefined || typeof text === 'string') &&
    (session.expiresAtMs === undefined || typeof session.expiresAtMs === 'number') &&
    (session.issuer === undefined || typeof session.issuer?.issuer === 'string')
  );
}

function stateError(path: string, error: unknown): CliError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new CliError(
    'ERR_CLI_STATE',
    `${path} cannot be used (${code}); FAIRLEAD_HOME names another folder`,
    { cause: error },
  );
}
