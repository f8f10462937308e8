// The error of this package: a stable code, and the refusal that a user sees for it.
import type { RefusalCode } from './status.ts';

/** Each code with the refusal it becomes at the edge. */
export const KUBE_ERRORS = {
  ERR_KUBE_WIRE: 'ERR_INTERNAL',
  ERR_KUBE_TARGET: 'ERR_BAD_TARGET',
  ERR_KUBE_HEADERS: 'ERR_BAD_HEADERS',
  ERR_KUBE_HEADERS_TOO_LARGE: 'ERR_HEADERS_TOO_LARGE',
  ERR_KUBE_RESPONSE: 'ERR_BAD_RESPONSE',
  ERR_KUBE_IMPERSONATION_HEADER: 'ERR_IMPERSONATION_REFUSED',
  ERR_KUBE_IDENTITY: 'ERR_IDENTITY_REFUSED',
  ERR_KUBE_TOKEN_TWICE: 'ERR_UNAUTHENTICATED',
  ERR_KUBE_TOKEN_SCHEME: 'ERR_UNAUTHENTICATED',
  ERR_KUBE_TOKEN_EMPTY: 'ERR_UNAUTHENTICATED',
  ERR_KUBE_TOKEN_MALFORMED: 'ERR_UNAUTHENTICATED',
  ERR_KUBE_TOKEN_CONFLICT: 'ERR_UNAUTHENTICATED',
} as const satisfies Record<string, RefusalCode>;

export type KubeErrorCode = keyof typeof KUBE_ERRORS;

/**
 * Thrown by everything in this package. `message` never holds a token or a header's value, so it may be logged and,
 * through `toRefusal`, shown.
 */
export class KubeError extends Error {
  readonly code: KubeErrorCode;

  constructor(code: KubeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeError';
    this.code = code;
  }

  /** The refusal a user sees. */
  get refusal(): RefusalCode {
    return KUBE_ERRORS[this.code];
  }
}
