// The errors a person at the command line can see: one clear line each, with a stable code.

export type CliErrorCode =
  | 'ERR_CLI_USAGE'
  | 'ERR_CLI_RELAY_URL'
  | 'ERR_CLI_RELAY_UNREACHABLE'
  | 'ERR_CLI_RELAY_ANSWER'
  | 'ERR_CLI_REFUSED'
  | 'ERR_CLI_NOT_SIGNED_IN'
  | 'ERR_CLI_LOGIN_FAILED'
  | 'ERR_CLI_STATE'
  | 'ERR_CLI_KUBECONFIG'
  | 'ERR_CLI_KUBECONFIG_TAKEN'
  | 'ERR_CLI_NOT_FOUND'
  | 'ERR_CLI_PORT_IN_USE'
  | 'ERR_CLI_FILE'
  | 'ERR_CLI_INTERRUPTED';

/** A failure to tell the user about. `message` says what is wrong and what to do; exit code 1, or 2 for usage, or 130. */
export class CliError extends Error {
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.code = code;
  }

  get exitCode(): number {
    if (this.code === 'ERR_CLI_USAGE') return 2;
    return this.code === 'ERR_CLI_INTERRUPTED' ? 130 : 1;
  }
}

/** The deepest useful words of a network error: Node's code if it has one. */
export function reasonOf(error: unknown): string {
  let at: unknown = error;
  for (let depth = 0; depth < 5 && at instanceof Error && at.cause instanceof Error; depth += 1)
    at = at.cause;
  if (!(at instanceof Error)) return String(at);
  const code = (at as NodeJS.ErrnoException).code;
  if (code === 'ECONNREFUSED') return 'nothing listens there (connection refused)';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name cannot be resolved';
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'it does not answer (timeout)';
  if (typeof code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) {
    return `its certificate is not trusted (${code}); give its CA with --ca-file`;
  }
  return at.message || code || 'unknown error';
}
