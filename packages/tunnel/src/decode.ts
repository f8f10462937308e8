// Cuts a message into frames and checks each one's shape; knows nothing of streams.
import {
  Flag,
  FrameType,
  HEADER_BYTES,
  MAX_HELLO_BYTES,
  MAX_REASON_BYTES,
  OPEN_PREFIX_BYTES,
} from './constants.ts';
import { TunnelError } from './errors.ts';

export interface FrameSink {
  /** One well-formed frame; `payload` is a slice of the message. False stops the parse. */
  frame(type: number, flags: number, stream: number, payload: Buffer): boolean;
}

export interface DecodeLimits {
  readonly maxDataBytes: number;
  readonly maxMetaBytes: number;
  readonly maxMessageBytes: number;
}

/**
 * Hands each frame of `message` to `sink`, in order.
 * Throws TunnelError ERR_TUNNEL_PROTOCOL at the first byte that cannot be; frames before it were handed out.
 */
export function decodeFrames(message: Buffer, limits: DecodeLimits, sink: FrameSink): void {
  const size = message.length;
  if (size > limits.maxMessageBytes) throw bad(`message of ${size} bytes`);
  if (size === 0) throw bad('empty message');
  let at = 0;
  while (at < size) {
    if (size - at < HEADER_BYTES) throw bad('message ends inside a header');
    const type = message[at] as number;
    const flags = message[at + 1] as number;
    if (message[at + 2] !== 0 || message[at + 3] !== 0) throw bad('reserved bits set');
    const stream = message.readUInt32BE(at + 4);
    const length = message.readUInt32BE(at + 8);
    at += HEADER_BYTES;
    if (length > size - at) throw bad('message ends inside a payload');
    check(type, flags, stream, length, limits);
    const payload = message.subarray(at, at + length);
    at += length;
    if (!sink.frame(type, flags, stream, payload)) return;
  }
}

function check(type: number, flags: number, stream: number, length: number, limits: DecodeLimits): void {
  switch (type) {
    case FrameType.DATA:
      return shape(type, flags & ~Flag.END, stream !== 0, length, 0, limits.maxDataBytes);
    case FrameType.HEAD:
      return shape(type, flags & ~Flag.END, stream !== 0, length, 0, limits.maxMetaBytes);
    case FrameType.OPEN:
      return shape(
        type,
        flags & ~Flag.END,
        stream !== 0,
        length,
        OPEN_PREFIX_BYTES,
        OPEN_PREFIX_BYTES + limits.maxMetaBytes,
      );
    case FrameType.END:
      return shape(type, flags, stream !== 0, length, 0, 0);
    case FrameType.CREDIT:
      return shape(type, flags, stream !== 0, length, 4, 4);
    case FrameType.RESET:
      return shape(type, flags, stream !== 0, length, 2, 2 + MAX_REASON_BYTES);
    case FrameType.PING:
    case FrameType.PONG:
      return shape(type, flags, stream === 0, length, 8, 8);
    case FrameType.ACK:
      return shape(type, flags, stream === 0, length, 6, 6);
    case FrameType.GOAWAY:
      return shape(type, flags, stream === 0, length, 2, 2 + MAX_REASON_BYTES);
    case FrameType.INFO:
      return shape(type, flags, stream === 0, length, 1, limits.maxMetaBytes);
    case FrameType.HELLO:
      return shape(type, flags, stream === 0, length, 2, MAX_HELLO_BYTES);
    default:
      if ((flags & Flag.SKIPPABLE) === 0) throw bad(`unknown frame type ${type}`);
      if (length > limits.maxMetaBytes) throw bad(`skippable frame of ${length} bytes`);
  }
}

function shape(
  type: number,
  badFlags: number,
  streamOk: boolean,
  length: number,
  min: number,
  max: number,
): void {
  if (badFlags !== 0) throw bad(`flags 0x${badFlags.toString(16)} on frame type ${type}`);
  if (!streamOk) throw bad(`frame type ${type} on a wrong stream`);
  if (length < min || length > max) throw bad(`frame type ${type} of ${length} bytes`);
}

function bad(what: string): TunnelError {
  return new TunnelError('ERR_TUNNEL_PROTOCOL', what);
}
