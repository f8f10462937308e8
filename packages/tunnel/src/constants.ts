// The numbers of the wire: protocol version, frame types, flags and reset codes, as spelt in docs/protocol.md.

/** Version spoken by this package. A different major is refused; a minor only adds. */
export const PROTOCOL = { major: 1, minor: 0 } as const;

/** Bytes of the header in front of each frame: type u8, flags u8, reserved u16, stream u32, length u32, big-endian. */
export const HEADER_BYTES = 12;

export const FrameType = {
  HELLO: 1,
  OPEN: 2,
  HEAD: 3,
  DATA: 4,
  END: 5,
  CREDIT: 6,
  RESET: 7,
  PING: 8,
  PONG: 9,
  ACK: 10,
  GOAWAY: 11,
  INFO: 12,
} as const;

export const Flag = {
  /** The sender of this OPEN, HEAD or DATA sends nothing more on the stream. */
  END: 0x01,
  /** A receiver that does not know the type may skip the frame; without it, that is a protocol error. */
  SKIPPABLE: 0x80,
} as const;

/** Why a stream (RESET) or a link (GOAWAY, LinkEnd) ended. Numbers are wire values and are never reused. */
export const ResetCode = {
  /** Orderly end of a link; never in a RESET. */
  OK: 0,
  /** The asker went away. */
  CANCEL: 1,
  /** A bug or an unexpected failure at the sender of the code. */
  INTERNAL: 2,
  /** The peer broke the protocol. */
  PROTOCOL: 3,
  /** The peer sent more than its credit. */
  FLOW: 4,
  /** Nothing was done for this stream; it may be tried again elsewhere. */
  REFUSED: 5,
  /** No memory or open rate left; nothing was done. */
  OVERLOADED: 6,
  /** The link under the stream is gone. */
  LINK_LOST: 7,
  UPSTREAM_UNREACHABLE: 8,
  UPSTREAM_ABORTED: 9,
  TIMEOUT: 10,
  DRAINING: 11,
  NO_IDENTITY: 12,
  POLICY: 13,
  /** Protocol majors differ. */
  VERSION: 14,
  /** Too many frames that carry nothing. */
  FLOOD: 15,
  TOO_LARGE: 16,
  BAD_REQUEST: 17,
  /** The API server switched protocols, but not as asked. */
  UPSTREAM_BAD_UPGRADE: 18,
} as const;
export type ResetCode = (typeof ResetCode)[keyof typeof ResetCode];

const names = new Map<number, string>(Object.entries(ResetCode).map(([name, code]) => [code, name]));

/** Name of a reset code; codes of newer peers read as `CODE_<n>`. */
export function resetCodeName(code: number): string {
  return names.get(code) ?? `CODE_${code}`;
}

/** Longest text in RESET and GOAWAY, bytes of UTF-8. */
export const MAX_REASON_BYTES = 1024;
/** Longest HELLO payload. */
export const MAX_HELLO_BYTES = 16 * 1024;
/** uid (16) and window (4) in front of the metadata of an OPEN. */
export const OPEN_PREFIX_BYTES = 20;
/** Size aimed at for one message; only a frame that is larger by itself makes a larger message. */
export const MESSAGE_TARGET_BYTES = 16 * 1024;
/** A receiver acknowledges at least each time this many bytes of DATA frames came in. */
export const ACK_EVERY_BYTES = 32 * 1024;
