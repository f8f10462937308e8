/** Which names may come out of a token: nothing empty, nothing invisible, nothing of Kubernetes' own. */
import { IdentityError } from './errors.ts';
import { type Claims, isObject, own } from './token.ts';

const MAX_NAME_CHARS = 1024;
/** Control, format (zero width, bidirectional) and line separator characters; lone surrogates. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Throws IdentityError ERR_IDENTITY_NAME. */
export function userName(claim: string, value: unknown, prefix: string): string {
  const why = refusal(value, prefix);
  if (why !== undefined || typeof value !== 'string') {
    throw new IdentityError('ERR_IDENTITY_NAME', `user name in claim '${claim}' ${why}`);
  }
  return prefix + value;
}

/**
 * Group names of a claim, each once, in the token's order; none if the claim is absent.
 * Throws IdentityError ERR_IDENTITY_GROUPS, and _GROUP_OVERAGE if the token only points to its groups.
 */
export function groupNames(claims: Claims, claim: string, prefix: string): string[] {
  refuseOverage(claims, claim);
  const value = own(claims, claim);
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    throw new IdentityError('ERR_IDENTITY_GROUPS', `claim '${claim}' is not an array`);
  }
  const groups = new Set<string>();
  for (const group of value as unknown[]) {
    const why = refusal(group, prefix);
    if (why !== undefined || typeof group !== 'string') {
      throw new IdentityError('ERR_IDENTITY_GROUPS', `a group in claim '${claim}' ${why}`);
    }
    groups.add(prefix + group);
  }
  return [...groups];
}

/** What Azure Arc says here; people search for these words. */
const OVERAGE_TEXT =
  'Overage claim (users with more than 200 group membership) for SPN is currently not supported. ' +
  'For troubleshooting, please refer to aka.ms/overageclaimtroubleshoot';

/**
 * A token with too many groups carries a marker in their place (Entra access token reference, "groups overage
 * claim"). Taking it as "no groups" would be a wrong identity; following the URL in it would let the token choose
 * where the relay connects. So it is refused.
 */
function refuseOverage(claims: Claims, claim: string): void {
  const names = own(claims, '_claim_names');
  const byReference = isObject(names) && Object.hasOwn(names, claim);
  const has = own(claims, 'hasgroups');
  if (!byReference && (has === undefined || has === false || has === 'false')) return;
  const cause =
    own(claims, 'idtyp') === 'app'
      ? 'the service principal is in more groups than its token can carry'
      : 'the user is in more groups than the token can carry';
  const message = `${OVERAGE_TEXT}. Cause: ${cause} (${byReference ? `_claim_names.${claim}` : 'hasgroups'} is set)`;
  throw new IdentityError('ERR_IDENTITY_GROUP_OVERAGE', message, { publicMessage: message });
}

function refusal(value: unknown, prefix: string): string | undefined {
  if (typeof value !== 'string') return 'is missing or no string';
  if (value.trim() === '') return 'is empty or blank';
  const name = prefix + value;
  if (name !== name.trim()) return 'begins or ends with a blank';
  if (INVISIBLE.test(name)) return 'has control or invisible characters';
  if (name.startsWith('system:')) return "begins with 'system:', which is kept for Kubernetes itself";
  if (name.length > MAX_NAME_CHARS) return `is longer than ${MAX_NAME_CHARS} characters`;
  return undefined;
}
