// Writes frames: into one message after another cut from a slab, or a single large frame by itself.
import { HEADER_BYTES, MAX_REASON_BYTES, MESSAGE_TARGET_BYTES } from './constants.ts';

const SLAB_BYTES = 128 * 1024;

export function writeHeader(
  to: Buffer,
  at: number,
  type: number,
  flags: number,
  stream: number,
  length: number,
): void {
  to[at] = type;
  to[at + 1] = flags;
  to[at + 2] = 0;
  to[at + 3] = 0;
  to.writeUInt32BE(stream, at + 4);
  to.writeUInt32BE(length, at + 8);
}

/** One frame in a buffer of its own. */
export function encodeFrame(
  type: number,
  flags: number,
  stream: number,
  ...payload: readonly Uint8Array[]
): Buffer {
  let length = 0;
  for (const part of payload) length += part.length;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  writeHeader(frame, 0, type, flags, stream, length);
  let at = HEADER_BYTES;
  for (const part of payload) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** Payload of RESET and GOAWAY: code u16, text cut to 1 KiB at a character border. */
export function encodeReason(code: number, message: string): Buffer {
  let text = Buffer.from(message);
  if (text.length > MAX_REASON_BYTES) {
    let end = MAX_REASON_BYTES;
    while (end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    text = text.subarray(0, end);
  }
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code, 0);
  payload.set(text, 2);
  return payload;
}

/** Collects frames into messages of at most MESSAGE_TARGET_BYTES, copying each payload once. */
export class MessageWriter {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;

  get used(): number {
    return this.#at - this.#start;
  }

  get room(): number {
    return MESSAGE_TARGET_BYTES - this.used;
  }

  /** Begins a message; one that was begun and not taken is forgotten. */
  begin(): void {
    if (SLAB_BYTES - this.#start < MESSAGE_TARGET_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#start = 0;
    }
    this.#at = this.#start;
  }

  /** Appends a header whose payload of `length` follows; the caller has checked `room`. */
  header(type: number, flags: number, stream: number, length: number): void {
    writeHeader(this.#slab, this.#at, type, flags, stream, length);
    this.#at += HEADER_BYTES;
  }

  bytes(payload: Uint8Array): void {
    this.#slab.set(payload, this.#at);
    this.#at += payload.length;
  }

  u32(value: number): void {
    this.#slab.writeUInt32BE(value, this.#at);
    this.#at += 4;
  }

  u48(value: number): void {
    this.#slab.writeUIntBE(value, this.#at, 6);
    this.#at += 6;
  }

  /** The message so far; the writer keeps no claim on its bytes. */
  take(): Buffer {
    const message = this.#slab.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return message;
  }
}
