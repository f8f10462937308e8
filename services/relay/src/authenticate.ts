/** From a request's headers to a verified principal; every failure is a refusal. */

import { IdentityError, type Authenticator, type Principal } from '@fairlead/identity';
import { bearerToken, refuse, type Refusal } from '@fairlead/kube';

export interface Caller {
  principal: Principal;
  token: string;
}

/**
 * Who sends this. `cluster` is the one addressed, if any: only there do its service account tokens hold.
 * Synchronous when the token was verified before. Throws (or rejects with) a Refusal.
 */
export function authenticate(
  authenticator: Authenticator,
  rawHeaders: string[],
  cluster: string | undefined,
): Caller | Promise<Caller> {
  const token = bearerToken(rawHeaders);
  if (token === undefined || token === '')
    throw refuse('ERR_UNAUTHENTICATED', { why: 'no bearer token was sent' });
  let result: Principal | Promise<Principal>;
  try {
    result = authenticator.authenticate(token, cluster);
  } catch (error) {
    throw refusalOf(error);
  }
  if (!(result instanceof Promise)) return { principal: result, token };
  return result.then(
    (principal) => ({ principal, token }),
    (error: unknown) => {
      throw refusalOf(error);
    },
  );
}

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof IdentityError)) return refuse('ERR_INTERNAL', {}, { cause: error });
  if (error.status === 503) return refuse('ERR_ISSUER_UNAVAILABLE', {}, { cause: error });
  if (error.publicMessage !== undefined)
    return refuse('ERR_GROUP_OVERAGE', { why: error.publicMessage }, { cause: error });
  return refuse('ERR_UNAUTHENTICATED', {}, { cause: error });
}
