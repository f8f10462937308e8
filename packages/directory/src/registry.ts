/** The registry's interface: which clusters exist and which agent keys speak for them. */

export interface ClusterRecord {
  /** A DNS label; how URLs name the cluster. */
  name: string;
  createdAtMs: number;
}

export interface JoinToken {
  /** The secret itself; only its SHA-256 is stored. */
  token: string;
  expiresAtMs: number;
}

export interface AgentKeyRecord {
  keyId: string;
  cluster: string;
  /** base64url of the raw Ed25519 key. */
  publicKey: string;
  revoked: boolean;
}

/** Every method is atomic and durable when it returns; each throws DirectoryError. */
export interface Registry extends Disposable {
  /** ERR_DIRECTORY_CLUSTER_NAME, ERR_DIRECTORY_CLUSTER_EXISTS. */
  addCluster(name: string): ClusterRecord;
  cluster(name: string): ClusterRecord | undefined;
  /** Sorted by name. */
  listClusters(): ClusterRecord[];
  /** Removes the cluster, its join tokens and its keys. ERR_DIRECTORY_CLUSTER_UNKNOWN. */
  removeCluster(name: string): void;
  /** ERR_DIRECTORY_CLUSTER_UNKNOWN. */
  createJoinToken(cluster: string, ttlMs: number): JoinToken;
  /**
   * Trades a join token, for one key, for the right of `keyId` to speak for the token's cluster. The same key may repeat
   * it. ERR_DIRECTORY_TOKEN_*, ERR_DIRECTORY_KEY_TAKEN.
   */
  redeemJoinToken(token: string, key: { keyId: string; publicKey: string }): AgentKeyRecord;
  agentKey(keyId: string): AgentKeyRecord | undefined;
  close(): void;
}
