// Errors thrown by this package; callers match on `code`, never on the text.

export type TunnelErrorCode =
  | 'ERR_TUNNEL_PROTOCOL' // peer broke the protocol, or bytes that are no frames
  | 'ERR_TUNNEL_VERSION' // protocol majors differ
  | 'ERR_TUNNEL_HANDSHAKE' // no HELLO in time, or link lost before it
  | 'ERR_TUNNEL_CLOSED' // link or stream is over
  | 'ERR_TUNNEL_DRAINING' // no new streams on this link
  | 'ERR_TUNNEL_BUDGET' // no memory left for a window
  | 'ERR_TUNNEL_OPEN_RATE' // streams opened too fast
  | 'ERR_TUNNEL_OVERRUN' // write() after false, far beyond the queue
  | 'ERR_TUNNEL_TOO_LARGE' // metadata or INFO above the peer's limit
  | 'ERR_TUNNEL_STATE' // head twice, write after end
  | 'ERR_TUNNEL_LIMITS' // a limit out of its bounds
  | 'ERR_TUNNEL_DIAL'; // WebSocket or egress proxy could not be reached

/** Error with a stable code. Its text never holds metadata, tokens or proxy credentials. */
export class TunnelError extends Error {
  readonly code: TunnelErrorCode;
  constructor(code: TunnelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TunnelError';
    this.code = code;
  }
}
