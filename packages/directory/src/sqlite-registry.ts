/** The registry on embedded storage: one SQLite file, one relay. */

import { createHash, randomBytes } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { DirectoryError } from './errors.ts';
import type { AgentKeyRecord, ClusterRecord, JoinToken, Registry } from './registry.ts';

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE clusters (name TEXT PRIMARY KEY, created_at_ms INTEGER NOT NULL) STRICT;
  CREATE TABLE join_tokens (
    hash TEXT PRIMARY KEY, cluster TEXT NOT NULL REFERENCES clusters (name) ON DELETE CASCADE,
    expires_at_ms INTEGER NOT NULL, used_at_ms INTEGER, used_by TEXT) STRICT;
  CREATE TABLE agent_keys (
    key_id TEXT PRIMARY KEY, cluster TEXT NOT NULL REFERENCES clusters (name) ON DELETE CASCADE,
    public_key TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0) STRICT;
`;
const CLUSTER_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Opens (or makes) the registry in a file, or in memory with ':memory:'.
 * Throws ERR_DIRECTORY_CORRUPT when the file is not such a database, ERR_DIRECTORY_STORAGE when it cannot be opened.
 */
export function openSqliteRegistry(path: string, now: () => number = Date.now): Registry {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { enableForeignKeyConstraints: true });
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;');
    migrate(db);
    return new SqliteRegistry(db, now);
  } catch (cause) {
    db?.close();
    throw openError(path, cause);
  }
}

function openError(path: string, cause: unknown): DirectoryError {
  if (cause instanceof DirectoryError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  if (/not a database|malformed|no such table|no such column/.test(detail)) {
    return new DirectoryError(
      'ERR_DIRECTORY_CORRUPT',
      `${path} is not a Fairlead database or is damaged (${detail}); restore it from a backup or move it away. It was not changed`,
      { cause },
    );
  }
  return new DirectoryError('ERR_DIRECTORY_STORAGE', `cannot open the database ${path}: ${detail}`, {
    cause,
  });
}

function migrate(db: DatabaseSync): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version === SCHEMA_VERSION) return;
  if (version > SCHEMA_VERSION) {
    throw new DirectoryError(
      'ERR_DIRECTORY_STORAGE',
      `the database is of a newer version (${version}); upgrade the relay`,
    );
  }
  db.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
}

class SqliteRegistry implements Registry {
  readonly #db: DatabaseSync;
  readonly #now: () => number;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  addCluster(name: string): ClusterRecord {
    if (!CLUSTER_NAME.test(name)) {
      throw new DirectoryError(
        'ERR_DIRECTORY_CLUSTER_NAME',
        `'${name.slice(0, 70)}' is not a cluster name: use 1 to 63 of a-z, 0-9 and '-', not '-' at an end`,
      );
    }
    const createdAtMs = this.#now();
    const { changes } = this.#sql('INSERT OR IGNORE INTO clusters VALUES (?, ?)').run(name, createdAtMs);
    if (changes === 0)
      throw new DirectoryError('ERR_DIRECTORY_CLUSTER_EXISTS', `there is a cluster '${name}' already`);
    return { name, createdAtMs };
  }

  cluster(name: string): ClusterRecord | undefined {
    const row = this.#sql('SELECT name, created_at_ms FROM clusters WHERE name = ?').get(name);
    return row && { name: String(row['name']), createdAtMs: Number(row['created_at_ms']) };
  }

  listClusters(): ClusterRecord[] {
    const rows = this.#sql('SELECT name, created_at_ms FROM clusters ORDER BY name').all();
    return rows.map((row) => ({ name: String(row['name']), createdAtMs: Number(row['created_at_ms']) }));
  }

  removeCluster(name: string): void {
    const { changes } = this.#sql('DELETE FROM clusters WHERE name = ?').run(name);
    if (changes === 0) throw unknownCluster(name);
  }

  createJoinToken(cluster: string, ttlMs: number): JoinToken {
    if (!this.cluster(cluster)) throw unknownCluster(cluster);
    const token = `flj_${randomBytes(32).toString('base64url')}`;
    const expiresAtMs = this.#now() + ttlMs;
    this.#sql('INSERT INTO join_tokens VALUES (?, ?, ?, NULL, NULL)').run(hash(token), cluster, expiresAtMs);
    return { token, expiresAtMs };
  }

  redeemJoinToken(token: string, key: { keyId: string; publicKey: string }): AgentKeyRecord {
    const now = this.#now();
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const cluster = this.#clusterOfToken(token, key.keyId, now);
      const known = this.agentKey(key.keyId);
      if (known && (known.cluster !== cluster || known.revoked)) {
        throw new DirectoryError(
          'ERR_DIRECTORY_KEY_TAKEN',
          'this agent key is revoked or speaks for another cluster',
        );
      }
      if (!known) {
        this.#sql('INSERT INTO agent_keys (key_id, cluster, public_key) VALUES (?, ?, ?)').run(
          key.keyId,
          cluster,
          key.publicKey,
        );
      }
      this.#sql('UPDATE join_tokens SET used_at_ms = ?, used_by = ? WHERE hash = ?').run(
        now,
        key.keyId,
        hash(token),
      );
      this.#db.exec('COMMIT');
      return { ...key, cluster, revoked: false };
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** The same key may redeem again: the answer to its first time may have been lost on the way. */
  #clusterOfToken(token: string, keyId: string, now: number): string {
    const row = this.#sql('SELECT cluster, expires_at_ms, used_by FROM join_tokens WHERE hash = ?').get(
      hash(token),
    );
    if (!row) throw new DirectoryError('ERR_DIRECTORY_TOKEN_UNKNOWN', 'the join token is not known here');
    if (row['used_by'] !== null && row['used_by'] !== keyId) {
      throw new DirectoryError('ERR_DIRECTORY_TOKEN_USED', 'the join token was used before');
    }
    if (Number(row['expires_at_ms']) <= now) {
      throw new DirectoryError('ERR_DIRECTORY_TOKEN_EXPIRED', 'the join token has expired');
    }
    return String(row['cluster']);
  }

  agentKey(keyId: string): AgentKeyRecord | undefined {
    const row = this.#sql('SELECT cluster, public_key, revoked FROM agent_keys WHERE key_id = ?').get(keyId);
    if (!row) return undefined;
    return {
      keyId,
      cluster: String(row['cluster']),
      publicKey: String(row['public_key']),
      revoked: row['revoked'] !== 0,
    };
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

function unknownCluster(name: string): DirectoryError {
  return new DirectoryError('ERR_DIRECTORY_CLUSTER_UNKNOWN', `there is no cluster '${name}'`);
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
