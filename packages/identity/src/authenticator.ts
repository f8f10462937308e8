/** Turns a bearer token into a principal, or refuses it. */
import { IdentityError } from './errors.ts';
import { FETCH_LIMITS, type FetchLimits, IssuerClient } from './fetch-json.ts';
import { Issuer, issuerShapes } from './issuer.ts';
import type { IssuerConfig } from './issuers-schema.ts';
import { KEY_TIMES, type KeyTimes } from './key-source.ts';
import type { Principal } from './principal.ts';
import { type ClusterKeys, isIssuedByCluster, verifyServiceAccount } from './service-account.ts';
import { MAX_TOKEN_BYTES, peek } from './token.ts';
import { tokenHash, VerifiedCache } from './verified-cache.ts';

export interface AuthenticatorOptions {
  /** The closed list; an `iss` may appear once. */
  issuers: IssuerConfig[];
  /** Keys of a connected cluster; the same object as long as they do not change. */
  clusterKeys: (cluster: string) => ClusterKeys | undefined;
  /** Milliseconds since 1970; for tests. */
  now?: () => number;
  /** Verified tokens remembered. */
  cacheEntries?: number;
  /** Allows issuers by http on a loopback address. */
  development?: boolean;
  keyTimes?: Partial<KeyTimes>;
  fetchLimits?: Partial<FetchLimits>;
}

/** Verifications under way at once; each may wait for an issuer as long as fetchLimits.timeoutMs. */
const MAX_PENDING = 4_096;

/**
 * The configured issuers come first. Only an `iss` that none of them has is looked up at the addressed cluster, so an
 * agent that publishes a configured issuer as its own gains nothing: its keys are never used for it.
 */
export class Authenticator {
  readonly #issuers = new Map<string, Issuer>();
  readonly #clients: IssuerClient[] = [];
  readonly #clusterKeys: (cluster: string) => ClusterKeys | undefined;
  readonly #now: () => number;
  readonly #cache: VerifiedCache;
  readonly #pending = new Map<string, Promise<Principal>>();
  #forgotten = 0;

  /** Reads files, opens no connection. Throws IdentityError ERR_IDENTITY_CONFIG. */
  constructor(options: AuthenticatorOptions) {
    const { development = false, now = Date.now, cacheEntries = 10_000 } = options;
    this.#clusterKeys = options.clusterKeys;
    this.#now = now;
    this.#cache = new VerifiedCache(cacheEntries);
    const times = { ...KEY_TIMES, ...options.keyTimes };
    const limits = { ...FETCH_LIMITS, ...options.fetchLimits };
    const names = new Set<string>();
    for (const config of options.issuers) {
      if (names.has(config.name)) throw configError(config.name, 'name is used twice');
      names.add(config.name);
      const client = new IssuerClient(config.caFile, limits);
      this.#clients.push(client);
      for (const shape of issuerShapes(config, development)) {
        if (this.#issuers.has(shape.iss)) throw configError(config.name, `${shape.iss} is configured twice`);
        this.#issuers.set(shape.iss, new Issuer(config, shape, client, { now, times, limits, development }));
      }
    }
  }

  /**
   * A remembered token gives its principal at once, any other a promise. `cluster` is the one that the request
   * addresses; without it no service account token is accepted.
   * Throws or rejects with IdentityError, any code but ERR_IDENTITY_CONFIG.
   */
  authenticate(token: string, cluster: string | undefined): Principal | Promise<Principal> {
    if (token.length > MAX_TOKEN_BYTES) peek(token); // throws, before the work of hashing
    const hash = tokenHash(token);
    const key = cacheKey(hash, cluster);
    const now = this.#now();
    const known =
      this.#cache.get(hash, now) ?? (cluster === undefined ? undefined : this.#cache.get(key, now));
    if (known !== undefined) return known;
    const underWay = this.#pending.get(key);
    if (underWay !== undefined) return underWay;
    if (this.#pending.size >= MAX_PENDING) {
      throw new IdentityError('ERR_IDENTITY_OVERLOADED', `${MAX_PENDING} tokens are being verified already`);
    }
    const verification = this.#verify(token, hash, cluster).finally(() => {
      if (this.#pending.get(key) === verification) this.#pending.delete(key);
    });
    this.#pending.set(key, verification);
    return verification;
  }

  /** Forgets one token, for every cluster, or all: they are verified anew, also those being verified now. */
  forget(token?: string): void {
    this.#forgotten += 1;
    this.#pending.clear();
    if (token === undefined) this.#cache.clear();
    else this.#cache.deletePrefix(tokenHash(token));
  }

  /** Closes the connections to issuers. */
  async close(): Promise<void> {
    this.#cache.clear();
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #verify(token: string, hash: string, cluster: string | undefined): Promise<Principal> {
    const seen = peek(token);
    const forgotten = this.#forgotten;
    const issuer = this.#issuers.get(seen.iss);
    if (issuer !== undefined) {
      const generation = issuer.keys.generation;
      const principal = await issuer.verify(token, seen);
      // Keys may have been loaded on the way; keys that changed after the signature was checked end the entry.
      const current = generation === 0 ? issuer.keys.generation : generation;
      if (forgotten === this.#forgotten) {
        this.#cache.put(hash, principal, this.#now(), () => issuer.keys.generation === current);
      }
      return principal;
    }
    const keys = cluster === undefined ? undefined : this.#clusterKeys(cluster);
    if (cluster === undefined || keys === undefined || !isIssuedByCluster(seen, keys)) {
      throw new IdentityError(
        'ERR_IDENTITY_ISSUER_UNKNOWN',
        'no configured issuer, nor the cluster, has this iss',
      );
    }
    const principal = await verifyServiceAccount(token, seen, cluster, keys, this.#now());
    if (this.#clusterKeys(cluster) !== keys) {
      throw new IdentityError('ERR_IDENTITY_KEY_UNKNOWN', "the cluster's keys changed meanwhile");
    }
    if (forgotten === this.#forgotten) {
      this.#cache.put(
        cacheKey(hash, cluster),
        principal,
        this.#now(),
        () => this.#clusterKeys(cluster) === keys,
      );
    }
    return principal;
  }
}

/** A hash is of fixed length, so no cluster's name can make one key look like another. */
function cacheKey(hash: string, cluster: string | undefined): string {
  return cluster === undefined ? hash : `${hash}/${cluster}`;
}

function configError(name: string, why: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_CONFIG', `issuer '${name}': ${why}`);
}
