// Decides what the next message carries: control, then OPEN, then interactive streams, then bulk in turn.
import { Flag, FrameType, HEADER_BYTES, MESSAGE_TARGET_BYTES, OPEN_PREFIX_BYTES } from './constants.ts';
import { ControlQueue } from './control-queue.ts';
import { encodeFrame, MessageWriter } from './frame.ts';
import type { InFlight } from './inflight.ts';
import { Lane, type SendQueue } from './send-queue.ts';

/** Bytes of interactive frames after which bulk gets one frame, so that it never starves. */
const INTERACTIVE_RUN_BYTES = 8 * MESSAGE_TARGET_BYTES;
/** Below this a DATA frame is not begun in a message, unless it is all there is. */
const SMALLEST_SPLIT_BYTES = 1024;

interface Opening {
  readonly queue: SendQueue;
  readonly prefix: Buffer;
  readonly meta: Buffer;
}

export class Scheduler {
  readonly control = new ControlQueue();
  readonly #inFlight: InFlight;
  readonly #writer = new MessageWriter();
  #openings: Opening[] = [];
  #openingBytes = 0;
  readonly #interactive = new Ring();
  readonly #bulk = new Ring();
  #interactiveRun = 0;
  #data = 0;
  #bulkData = 0;
  /** Called when a stream's queue shrank or its END left. */
  readonly #progress: (queue: SendQueue) => void;

  constructor(inFlight: InFlight, progress: (queue: SendQueue) => void) {
    this.#inFlight = inFlight;
    this.#progress = progress;
  }

  /** Bytes of OPEN frames that wait. */
  get openingBytes(): number {
    return this.#openingBytes;
  }

  /** Queues an OPEN. They leave in the order of their ids. `prefix`: uid and window. */
  open(queue: SendQueue, prefix: Buffer, meta: Buffer): void {
    queue.opening = true;
    this.#openings.push({ queue, prefix, meta });
    this.#openingBytes += prefix.length + meta.length;
  }

  /** Takes back an OPEN that has not left; false when it has. */
  cancelOpen(queue: SendQueue): boolean {
    if (!queue.opening) return false;
    const at = this.#openings.findIndex((o) => o.queue === queue);
    const [opening] = this.#openings.splice(at, 1);
    if (opening !== undefined) this.#openingBytes -= opening.prefix.length + opening.meta.length;
    return true;
  }

  /** Puts a stream with something to send into its lane. */
  offer(queue: SendQueue, nowMs: number): void {
    if (queue.lane !== Lane.NONE || !queue.ready) return;
    queue.wake(nowMs);
    this.#place(queue);
  }

  /**
   * The next message, or undefined when nothing may go now.
   * `bulkOpen`: the transport takes bulk; `interactiveOpen`: it takes interactive frames.
   */
  next(nowMs: number, bulkOpen: boolean, interactiveOpen: boolean): Buffer | undefined {
    const writer = this.#writer;
    writer.begin();
    this.#data = 0;
    this.#bulkData = 0;
    const large = this.#controlAndOpens(interactiveOpen);
    if (large !== undefined) return large;
    if (interactiveOpen) this.#interactiveFrames(nowMs);
    if (bulkOpen) this.#bulkFrames(nowMs, Number.POSITIVE_INFINITY);
    if (writer.used === 0) return this.#largeHead(interactiveOpen, bulkOpen);
    if (this.#data > 0) this.#inFlight.sent(this.#data, this.#bulkData, nowMs);
    return writer.take();
  }

  #controlAndOpens(openToo: boolean): Buffer | undefined {
    const writer = this.#writer;
    const frame = this.control.takeLarge(MESSAGE_TARGET_BYTES);
    if (frame !== undefined) return frame;
    this.control.write(writer);
    if (!openToo) return undefined;
    while (this.control.empty) {
      const opening = this.#openings[0];
      if (opening === undefined) return undefined;
      const length = OPEN_PREFIX_BYTES + opening.meta.length;
      const alone = HEADER_BYTES + length > MESSAGE_TARGET_BYTES;
      if (HEADER_BYTES + length > writer.room && !(alone && writer.used === 0)) return undefined;
      this.#openings.shift();
      this.#openingBytes -= length;
      const { queue } = opening;
      queue.opening = false;
      const flags = queue.takeEndFlag();
      this.#place(queue);
      this.#progress(queue);
      if (alone) return encodeFrame(FrameType.OPEN, flags, queue.stream, opening.prefix, opening.meta);
      writer.header(FrameType.OPEN, flags, queue.stream, length);
      writer.bytes(opening.prefix);
      writer.bytes(opening.meta);
    }
    return undefined;
  }

  #interactiveFrames(nowMs: number): void {
    for (let queue = this.#interactive.first; queue !== undefined; queue = this.#interactive.first) {
      if (this.#interactiveRun >= INTERACTIVE_RUN_BYTES) {
        // Also when the transport is open to interactive frames only: they may be what keeps it so full.
        // No room left in this message: it goes as it is, and the next one begins with bulk.
        if (!this.#bulkFrames(nowMs, 1)) return;
      }
      if (!this.#turn(queue, nowMs, false)) return;
      this.#interactive.shift();
      this.#place(queue);
      this.#progress(queue);
    }
    this.#interactiveRun = 0;
  }

  /** Up to `most` turns of bulk. False when the message has no room for one that could go. */
  #bulkFrames(nowMs: number, most: number): boolean {
    for (let n = 0; n < most; n += 1) {
      const queue = this.#bulk.first;
      if (queue === undefined || !this.#inFlight.bulkAllowed) return true;
      if (!this.#turn(queue, nowMs, true)) return this.#writer.used === 0;
      this.#interactiveRun = 0;
      this.#bulk.shift();
      this.#place(queue);
      this.#progress(queue);
    }
    return true;
  }

  /** One turn of a stream: HEAD and a DATA or END frame. False when the message has no room for it. */
  #turn(queue: SendQueue, nowMs: number, bulk: boolean): boolean {
    const writer = this.#writer;
    if (queue.pendingHead !== undefined && !this.#head(queue)) return false;
    if (!queue.ready) return true;
    const needed = HEADER_BYTES + Math.min(queue.bytes, SMALLEST_SPLIT_BYTES);
    if (writer.room < needed) return false;
    const bytes = queue.emit(writer, nowMs);
    this.#data += bytes;
    if (bulk) this.#bulkData += bytes;
    else this.#interactiveRun += bytes;
    return true;
  }

  #head(queue: SendQueue): boolean {
    const writer = this.#writer;
    const meta = queue.pendingHead;
    if (meta === undefined || HEADER_BYTES + meta.length > writer.room) return false;
    queue.takeHead();
    writer.header(FrameType.HEAD, queue.takeEndFlag(), queue.stream, meta.length);
    writer.bytes(meta);
    return true;
  }

  /** Nothing fitted: the first stream in line may have a HEAD that needs a message of its own. */
  #largeHead(interactiveOpen: boolean, bulkOpen: boolean): Buffer | undefined {
    const ring = interactiveOpen && this.#interactive.first !== undefined ? this.#interactive : this.#bulk;
    const queue = ring.first;
    if (queue?.pendingHead === undefined || (ring === this.#bulk && !bulkOpen)) return undefined;
    const meta = queue.takeHead() as Buffer;
    ring.shift();
    const frame = encodeFrame(FrameType.HEAD, queue.takeEndFlag() & Flag.END, queue.stream, meta);
    this.#place(queue);
    this.#progress(queue);
    return frame;
  }

  #place(queue: SendQueue): void {
    if (!queue.ready) queue.lane = Lane.NONE;
    else if (queue.interactive) {
      queue.lane = Lane.INTERACTIVE;
      this.#interactive.push(queue);
    } else {
      queue.lane = Lane.BULK;
      this.#bulk.push(queue);
    }
  }
}

/** First-in, first-out list through `next`; a queue stands in one ring at most. */
class Ring {
  first: SendQueue | undefined;
  #last: SendQueue | undefined;

  push(queue: SendQueue): void {
    queue.next = undefined;
    if (this.#last === undefined) this.first = queue;
    else this.#last.next = queue;
    this.#last = queue;
  }

  shift(): void {
    const queue = this.first;
    if (queue === undefined) return;
    this.first = queue.next;
    if (this.first === undefined) this.#last = undefined;
    queue.next = undefined;
  }
}
