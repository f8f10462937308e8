/** Who a verified token speaks for. */

/** Frozen: the cache hands the same object to every request with that token. */
export interface Principal {
  kind: 'user' | 'serviceAccount';
  /** Name of the configured issuer, or `cluster:<name>`. */
  issuer: string;
  user: string;
  groups: string[];
  uid?: string;
  extra: Record<string, string[]>;
  /** When the token ends; absent for a legacy service account token, which never does. */
  expiresAtMs?: number;
  /** serviceAccount only: the one cluster for which it holds. */
  cluster?: string;
  /** serviceAccount only. */
  namespace?: string;
  /** serviceAccount only. */
  name?: string;
}

export function freezePrincipal(principal: Principal): Principal {
  for (const values of Object.values(principal.extra)) Object.freeze(values);
  Object.freeze(principal.extra);
  Object.freeze(principal.groups);
  return Object.freeze(principal);
}
