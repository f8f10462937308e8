/** Whatever the rules and the principal: no decision without an identity, none with another's. */
import * as fc from 'fast-check';
import t from 'tap';
import { Access, type AccessRule, type PrincipalLike } from '../src/index.ts';

const name = fc.constantFrom('', ' ', 'alice', 'bob', 'system:admin', 'system:masters', 'ops');
const cluster = fc.constantFrom('demo', 'other', 'third');
const rule: fc.Arbitrary<AccessRule> = fc.record({
  cluster: fc.oneof(cluster, fc.constant('*')),
  users: fc.array(name, { maxLength: 3 }),
  groups: fc.array(name, { maxLength: 3 }),
  serviceAccounts: fc.array(fc.constantFrom('ns:a', 'ns:b'), { maxLength: 2 }),
});
const principal: fc.Arbitrary<PrincipalLike> = fc.record(
  {
    kind: fc.constantFrom('user' as const, 'serviceAccount' as const),
    user: name,
    groups: fc.array(name, { maxLength: 3 }),
    extra: fc.dictionary(fc.constantFrom('oid', 'x'), fc.array(fc.string(), { maxLength: 2 })),
    uid: fc.string({ minLength: 1 }),
    cluster,
    namespace: fc.constantFrom('ns', 'kube-system'),
    name: fc.constantFrom('a', 'b'),
  },
  { requiredKeys: ['kind', 'user', 'groups', 'extra'] },
);
const token = fc.constantFrom('', 'token');

t.test('what is allowed carries exactly the principal, never nobody', async () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 5 }), principal, token, cluster, (rules, who, bearer, where) => {
      const decision = new Access(rules).decide(who, bearer, where);
      if (!decision.allowed) return decision.code === 'ERR_FORBIDDEN_CLUSTER';
      const { identity } = decision;
      if (who.kind === 'serviceAccount') {
        return (
          identity.kind === 'token' && identity.token === bearer && bearer !== '' && who.cluster === where
        );
      }
      return (
        identity.kind === 'impersonate' &&
        identity.user.trim() !== '' &&
        identity.user === who.user &&
        identity.uid === who.uid &&
        JSON.stringify(identity.groups) === JSON.stringify(who.groups) &&
        JSON.stringify(identity.extra ?? {}) === JSON.stringify(who.extra) &&
        ![identity.user, ...identity.groups].some((each) => each.startsWith('system:') || each === '')
      );
    }),
    { numRuns: 2_000 },
  );
});

t.test('a cluster that no rule knows is refused as one that is not allowed', async () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 5 }), principal, cluster, (rules, who, where) => {
      const gate = new Access(rules.filter((each) => each.cluster !== '*'));
      const known = gate.decide(who, 'token', where);
      const unknown = gate.decide(who, 'token', 'nowhere');
      if (unknown.allowed) return false;
      if (known.allowed) return true;
      const { why: _1, ...outsideKnown } = known;
      const { why: _2, ...outsideUnknown } = unknown;
      return JSON.stringify(outsideKnown) === JSON.stringify(outsideUnknown);
    }),
  );
});

t.test('without rules nobody may do anything', async () => {
  fc.assert(
    fc.property(principal, cluster, (who, where) => !new Access([]).decide(who, 'token', where).allowed),
  );
});
