/** What a stream that ended before any answer means for the person who waits. */

import { refuse, type Refusal, type RefusalCode } from '@fairlead/kube';
import { ResetCode } from '@fairlead/tunnel';

const MEANING: Partial<Record<number, RefusalCode>> = {
  [ResetCode.UPSTREAM_UNREACHABLE]: 'ERR_API_SERVER_UNREACHABLE',
  [ResetCode.UPSTREAM_ABORTED]: 'ERR_API_SERVER_ABORTED',
  [ResetCode.UPSTREAM_BAD_UPGRADE]: 'ERR_BAD_UPGRADE',
  [ResetCode.TIMEOUT]: 'ERR_UPSTREAM_TIMEOUT',
  [ResetCode.NO_IDENTITY]: 'ERR_AGENT_POLICY',
  [ResetCode.POLICY]: 'ERR_AGENT_POLICY',
  [ResetCode.LINK_LOST]: 'ERR_LINK_LOST',
  [ResetCode.DRAINING]: 'ERR_LINK_LOST',
  [ResetCode.OVERLOADED]: 'ERR_OVERLOADED',
  [ResetCode.REFUSED]: 'ERR_OVERLOADED',
};
/** Their message names the cause for the user; of the others it may be anything a peer wrote. */
const SHOWN = new Set<number>([
  ResetCode.UPSTREAM_UNREACHABLE,
  ResetCode.UPSTREAM_BAD_UPGRADE,
  ResetCode.POLICY,
  ResetCode.NO_IDENTITY,
]);

/** `message` is the peer's; it is cleaned and cut where it is shown. */
export function refusalOfReset(code: number, message: string, cluster: string): Refusal {
  const meaning = MEANING[code] ?? 'ERR_INTERNAL';
  return refuse(meaning, { cluster, ...(SHOWN.has(code) && message ? { why: message } : {}) });
}
