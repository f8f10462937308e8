/** Why the API server gave no answer, as a reset code and words for the person who waits. */

import { ResetCode } from '@fairlead/tunnel';

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** `message` names the cause (a refused connection, an untrusted certificate), never a header or a token. */
export function failureOf(error: Error): { code: ResetCode; message: string } {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (TIMEOUTS.has(code))
    return { code: ResetCode.TIMEOUT, message: 'the API server did not begin an answer in time' };
  if (code === 'UND_ERR_SOCKET')
    return { code: ResetCode.UPSTREAM_ABORTED, message: 'the API server closed the connection' };
  return {
    code: ResetCode.UPSTREAM_UNREACHABLE,
    message: (message || code || 'the connection failed').slice(0, 300),
  };
}
