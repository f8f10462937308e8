// What one stream still has to send: HEAD, chunks, END, in that order, and the credit for it.
import { Flag, FrameType, HEADER_BYTES } from './constants.ts';
import type { MessageWriter } from './frame.ts';

/** Which list of the scheduler a queue stands in. */
export const Lane = { NONE: 0, INTERACTIVE: 1, BULK: 2 } as const;
export type Lane = (typeof Lane)[keyof typeof Lane];

/** A stream that sent nothing for so long counts as idle, and may be interactive again. */
const IDLE_MS = 100;

export class SendQueue {
  readonly stream: number;
  /** Bytes since it last ran idle up to which the stream goes before bulk. */
  readonly #interactiveBytes: number;
  readonly #maxDataBytes: number;
  #credit: number;
  #head: Buffer | undefined;
  #chunks: Buffer[] = [];
  #first = 0;
  #offset = 0;
  #bytes = 0;
  #endQueued = false;
  #endSent = false;
  #closed = false;
  #sinceIdle = 0;
  #lastAt = 0;
  #sentAny = false;
  /** Set while OPEN waits; nothing may overtake it. */
  opening = false;
  /** write() returned false and writable() is owed. */
  blocked = false;
  lane: Lane = Lane.NONE;
  next: SendQueue | undefined;

  constructor(stream: number, credit: number, maxDataBytes: number, interactiveBytes: number) {
    this.stream = stream;
    this.#credit = credit;
    this.#maxDataBytes = maxDataBytes;
    this.#interactiveBytes = interactiveBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get creditBytes(): number {
    return this.#credit;
  }

  get endQueued(): boolean {
    return this.#endQueued;
  }

  get endSent(): boolean {
    return this.#endSent;
  }

  /** A chunk was queued, or END was: it is too late for HEAD. */
  get sentAny(): boolean {
    return this.#sentAny || this.#endQueued;
  }

  /** Metadata of a HEAD that waits. */
  get pendingHead(): Buffer | undefined {
    return this.#head;
  }

  get interactive(): boolean {
    return this.#sinceIdle < this.#interactiveBytes;
  }

  get ready(): boolean {
    if (this.opening || this.#closed) return false;
    if (this.#head !== undefined) return true;
    return this.#bytes > 0 ? this.#credit > 0 : this.#endQueued && !this.#endSent;
  }

  putHead(meta: Buffer): void {
    this.#head = meta;
  }

  put(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#sentAny = true;
    this.#bytes += chunk.length;
  }

  putEnd(): void {
    this.#endQueued = true;
  }

  addCredit(bytes: number): boolean {
    this.#credit += bytes;
    return this.#credit <= 0x7fff_ffff;
  }

  /** Drops everything; nothing more is sent. */
  close(): void {
    this.#closed = true;
    this.#chunks = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#head = undefined;
    this.blocked = false;
  }

  /** Flags for an OPEN or HEAD frame that leaves now: END if nothing follows. */
  takeEndFlag(): number {
    if (!this.#endQueued || this.#bytes > 0) return 0;
    this.#endSent = true;
    return Flag.END;
  }

  /** The HEAD leaves now. */
  takeHead(): Buffer | undefined {
    const head = this.#head;
    this.#head = undefined;
    return head;
  }

  /** Notes the time before sending, to see whether the stream was idle. */
  wake(nowMs: number): void {
    if (nowMs - this.#lastAt > IDLE_MS) this.#sinceIdle = 0;
  }

  /**
   * Writes one DATA or END frame into `writer`, as much as room and credit allow.
   * Returns the bytes of the DATA frame with its header, 0 when none was written.
   */
  emit(writer: MessageWriter, nowMs: number): number {
    if (this.#bytes === 0) {
      if (this.#endQueued && !this.#endSent && writer.room >= HEADER_BYTES) {
        this.#endSent = true;
        writer.header(FrameType.END, 0, this.stream, 0);
      }
      return 0;
    }
    const length = Math.min(this.#bytes, this.#credit, this.#maxDataBytes, writer.room - HEADER_BYTES);
    if (length <= 0) return 0;
    const last = this.#endQueued && length === this.#bytes;
    writer.header(FrameType.DATA, last ? Flag.END : 0, this.stream, length);
    this.#copy(writer, length);
    if (last) this.#endSent = true;
    this.#credit -= length;
    this.#bytes -= length;
    this.#sinceIdle += length;
    this.#lastAt = nowMs;
    return length + HEADER_BYTES;
  }

  #copy(writer: MessageWriter, length: number): void {
    let left = length;
    while (left > 0) {
      const chunk = this.#chunks[this.#first] as Buffer;
      const rest = chunk.length - this.#offset;
      if (rest <= left) {
        writer.bytes(this.#offset === 0 ? chunk : chunk.subarray(this.#offset));
        this.#first += 1;
        this.#offset = 0;
        left -= rest;
      } else {
        writer.bytes(chunk.subarray(this.#offset, this.#offset + left));
        this.#offset += left;
        left = 0;
      }
    }
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#first = 0;
    } else if (this.#first > 32) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
