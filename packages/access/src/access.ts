/** Gate 1, and the identity under which an allowed request goes on. */
import type { Identity } from '@fairlead/kube';
import type { AccessRule, Admins } from './access-schema.ts';

/** What access needs to know of a principal; already verified by whoever made it. */
export interface PrincipalLike {
  readonly kind: 'user' | 'serviceAccount';
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly cluster?: string;
  readonly namespace?: string;
  readonly name?: string;
}

export type Decision =
  | { allowed: true; identity: Identity }
  /** `why` is for the log only: outside, all refusals look the same. */
  | { allowed: false; code: 'ERR_FORBIDDEN_CLUSTER'; why: string };

interface Subjects {
  users: Set<string>;
  groups: Set<string>;
  serviceAccounts: Set<string>;
}

const EVERY_CLUSTER = '*';
const EVERY_ACCOUNT = '*';

/** Names match exactly and with their case. Whoever no rule names may do nothing. */
export class Access {
  readonly #rules = new Map<string, Subjects>();
  readonly #admins: Subjects;

  constructor(rules: readonly AccessRule[], admins: Admins = {}) {
    for (const rule of rules) {
      let subjects = this.#rules.get(rule.cluster);
      if (subjects === undefined) this.#rules.set(rule.cluster, (subjects = subjectsOf({})));
      for (const user of rule.users ?? []) subjects.users.add(user);
      for (const group of rule.groups ?? []) subjects.groups.add(group);
      for (const account of rule.serviceAccounts ?? []) subjects.serviceAccounts.add(account);
    }
    this.#admins = subjectsOf(admins);
  }

  /**
   * Does not know which clusters exist; a name that no rule mentions is refused in the same way. A user goes on as
   * itself by impersonation, a service account with its own `token`, which the API server judges.
   */
  decide(principal: PrincipalLike, token: string, cluster: string): Decision {
    const refused = (why: string): Decision => ({ allowed: false, code: 'ERR_FORBIDDEN_CLUSTER', why });
    if (principal.user.trim() === '') return refused('principal has no name');
    if (!this.#isNamed(principal, cluster))
      return refused(`no rule gives ${principal.user} cluster '${cluster}'`);
    if (principal.kind === 'serviceAccount') {
      return token === ''
        ? refused('no token to pass on')
        : { allowed: true, identity: { kind: 'token', token } };
    }
    // The API server adds system:authenticated itself; any other `system:` name would be a right nobody gave.
    const reserved = [principal.user, ...principal.groups].find((name) => name.startsWith('system:'));
    if (reserved !== undefined) return refused(`'${reserved}' is kept for Kubernetes itself`);
    if (principal.groups.includes('')) return refused('principal has a group without a name');
    return { allowed: true, identity: impersonation(principal) };
  }

  /** Those of `all` that the principal may use, in the same order. */
  clustersOf(principal: PrincipalLike, all: readonly string[]): string[] {
    return all.filter((cluster) => this.decide(principal, 'any', cluster).allowed);
  }

  /** Service accounts never administer the relay: a cluster's own keys vouch for them. */
  isAdmin(principal: PrincipalLike): boolean {
    return principal.kind === 'user' && names(this.#admins, principal);
  }

  #isNamed(principal: PrincipalLike, cluster: string): boolean {
    // `*` is no cluster: asked for by that name it must not find the rule for all of them alone.
    if (cluster === EVERY_CLUSTER || cluster === '') return false;
    if (principal.kind === 'serviceAccount' && principal.cluster !== cluster) return false;
    return [this.#rules.get(cluster), this.#rules.get(EVERY_CLUSTER)].some(
      (subjects) => subjects !== undefined && names(subjects, principal),
    );
  }
}

function names(subjects: Subjects, principal: PrincipalLike): boolean {
  if (principal.kind === 'serviceAccount') {
    const { serviceAccounts } = subjects;
    return (
      serviceAccounts.has(EVERY_ACCOUNT) || serviceAccounts.has(`${principal.namespace}:${principal.name}`)
    );
  }
  return subjects.users.has(principal.user) || principal.groups.some((group) => subjects.groups.has(group));
}

function subjectsOf(from: Admins): Subjects {
  return { users: new Set(from.users), groups: new Set(from.groups), serviceAccounts: new Set() };
}

function impersonation(principal: PrincipalLike): Identity {
  const extra: [string, string[]][] = Object.entries(principal.extra).map(([key, values]) => [
    key,
    [...values],
  ]);
  return {
    kind: 'impersonate',
    user: principal.user,
    groups: [...principal.groups],
    ...(principal.uid === undefined ? {} : { uid: principal.uid }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  };
}
