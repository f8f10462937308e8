// Frames that go before all others: ACK, PONG, PING, CREDIT, RESET, GOAWAY, INFO; each kind bounded.
import { FrameType, HEADER_BYTES } from './constants.ts';
import type { MessageWriter } from './frame.ts';

/** PONGs that wait; a peer that pings faster than the link drains loses the oldest. */
const MAX_PONGS = 16;
/** Other frames that wait (RESET, GOAWAY, INFO). */
export const MAX_CONTROL_FRAMES = 65_536;

export class ControlQueue {
  #ack: number | undefined;
  #ping: Buffer | undefined;
  readonly #pongs: Buffer[] = [];
  /** At most one entry a live stream. */
  readonly #credits = new Map<number, number>();
  #frames: Buffer[] = [];
  #first = 0;

  get empty(): boolean {
    return (
      this.#ack === undefined &&
      this.#ping === undefined &&
      this.#pongs.length === 0 &&
      this.#credits.size === 0 &&
      this.#first === this.#frames.length
    );
  }

  ack(total: number): void {
    this.#ack = total;
  }

  ping(payload: Buffer): void {
    this.#ping = payload;
  }

  pong(payload: Buffer): void {
    if (this.#pongs.length === MAX_PONGS) this.#pongs.shift();
    this.#pongs.push(Buffer.from(payload));
  }

  credit(stream: number, bytes: number): void {
    this.#credits.set(stream, (this.#credits.get(stream) ?? 0) + bytes);
  }

  /** The stream is over: credit for it says nothing any more. */
  forget(stream: number): void {
    this.#credits.delete(stream);
  }

  /** An encoded frame; false when too many wait. */
  frame(frame: Buffer): boolean {
    if (this.#frames.length - this.#first >= MAX_CONTROL_FRAMES) return false;
    this.#frames.push(frame);
    return true;
  }

  /** A frame too large for a shared message, when it is the next one. */
  takeLarge(roomBytes: number): Buffer | undefined {
    const frame = this.#frames[this.#first];
    if (frame === undefined || frame.length <= roomBytes) return undefined;
    return this.#shift();
  }

  /** Writes as many frames as fit. */
  write(writer: MessageWriter): void {
    if (this.#ack !== undefined && writer.room >= HEADER_BYTES + 6) {
      writer.header(FrameType.ACK, 0, 0, 6);
      writer.u48(this.#ack);
      this.#ack = undefined;
    }
    while (this.#pongs.length > 0 && writer.room >= HEADER_BYTES + 8) {
      writer.header(FrameType.PONG, 0, 0, 8);
      writer.bytes(this.#pongs.shift() as Buffer);
    }
    if (this.#ping !== undefined && writer.room >= HEADER_BYTES + 8) {
      writer.header(FrameType.PING, 0, 0, 8);
      writer.bytes(this.#ping);
      this.#ping = undefined;
    }
    for (const [stream, bytes] of this.#credits) {
      if (writer.room < HEADER_BYTES + 4) return;
      writer.header(FrameType.CREDIT, 0, stream, 4);
      writer.u32(bytes);
      this.#credits.delete(stream);
    }
    for (let frame = this.#frames[this.#first]; frame !== undefined; frame = this.#frames[this.#first]) {
      if (frame.length > writer.room) return;
      writer.bytes(frame);
      this.#shift();
    }
  }

  #shift(): Buffer | undefined {
    const frame = this.#frames[this.#first];
    this.#first += 1;
    if (this.#first === this.#frames.length) {
      this.#frames = [];
      this.#first = 0;
    }
    return frame;
  }
}
