// The tunnel: links, streams and credit over any message transport. Spec: docs/protocol.md.

export { MemoryBudget } from './budget.ts';
export { PROTOCOL, ResetCode, resetCodeName } from './constants.ts';
export { type DialOptions, dialWebSocket } from './dial.ts';
export { TunnelError, type TunnelErrorCode } from './errors.ts';
export { DEFAULT_LIMITS, type LinkLimits, verifyLimits } from './limits.ts';
export { Link, type LinkEnd, type LinkOptions, type OpenOptions } from './link.ts';
export { memoryPair, type MemoryPairOptions } from './memory-transport.ts';
export { Stream, type StreamHandler } from './stream.ts';
export type { MessageTransport, TransportHandler } from './transport.ts';
export { bufferutilActive, wsTransport } from './ws-transport.ts';
