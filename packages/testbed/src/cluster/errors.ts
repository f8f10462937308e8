// What can go wrong with the real control plane, each with a stable code.

/** Codes of {@link ClusterError}. */
export type ClusterErrorCode =
  | 'ERR_TESTBED_GO_MISSING'
  | 'ERR_TESTBED_BUILD_FAILED'
  | 'ERR_TESTBED_COMPONENT_FAILED'
  | 'ERR_TESTBED_NOT_READY'
  | 'ERR_TESTBED_STOPPED'
  | 'ERR_TESTBED_KUBECTL_FAILED'
  | 'ERR_TESTBED_OUTPUT_TOO_LONG';

/** An error of the testbed's control plane; the message is for people and says what to do. */
export class ClusterError extends Error {
  readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClusterError';
    this.code = code;
  }
}
