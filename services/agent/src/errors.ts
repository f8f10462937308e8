/** Errors of the agent's own life; `retry` says whether waiting can help. */

export type AgentErrorCode =
  | 'ERR_AGENT_ENROLMENT'
  | 'ERR_AGENT_KEY_FILE'
  | 'ERR_AGENT_LINK_REFUSED'
  | 'ERR_AGENT_RELAY_UNREACHABLE';

export class AgentError extends Error {
  readonly code: AgentErrorCode;
  readonly retry: boolean;

  constructor(code: AgentErrorCode, message: string, options: { retry?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'AgentError';
    this.code = code;
    this.retry = options.retry ?? false;
  }
}
