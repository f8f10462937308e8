// One stream as its owner sees it; what happens on the wire is the link's.
import { resetCodeName, type ResetCode } from './constants.ts';
import { TunnelError } from './errors.ts';
import type { Link } from './link.ts';
import type { SendQueue } from './send-queue.ts';
import type { ReceiveWindow } from './window.ts';

/** Called by the link. Must not throw: a throw resets that stream, and only that one. */
export interface StreamHandler {
  /** The acceptor's answer: at most once, before any data. */
  head?(meta: Buffer): void;
  /** The owner calls `stream.consumed(chunk.length)` once the chunk has really been passed on. */
  data(chunk: Buffer): void;
  /** The peer sends no more. */
  end(): void;
  /** The stream is over before its time: RESET by the peer, protocol error, or LINK_LOST. */
  reset(code: number, message: string): void;
  /** After write() returned false: the queue has room again. */
  writable?(): void;
}

/** What a link does for its streams. */
export interface StreamPort {
  readonly link: Link;
  readonly queueHighWaterBytes: number;
  readonly queueMaxBytes: number;
  maxPeerMetaBytes(): number;
  offer(stream: Stream): void;
  credit(stream: Stream, bytes: number): void;
  reset(stream: Stream, code: ResetCode, message: string): void;
  settle(stream: Stream): void;
}

/** Handler of a stream that nobody has taken yet. */
export const UNTAKEN: StreamHandler = { data() {}, end() {}, reset() {} };

export class Stream {
  readonly id: number;
  /** Metadata of the OPEN. */
  readonly meta: Buffer;
  handler: StreamHandler;
  readonly #port: StreamPort;
  readonly #uid: Buffer;
  /** Outgoing half, for the link. */
  readonly sending: SendQueue;
  /** Incoming half, for the link. */
  readonly receiving: ReceiveWindow;
  /** Whether this side opened the stream. */
  readonly opener: boolean;
  /** State kept by the link: HEAD passed (either way), END and DATA received, stream over. */
  headSeen = false;
  /** The OPEN carried END: the peer never sends a byte on this stream. */
  openedEnded = false;
  endSeen = false;
  dataSeen = false;
  over = false;

  constructor(
    port: StreamPort,
    init: {
      id: number;
      uid: Buffer;
      meta: Buffer;
      opener: boolean;
      sending: SendQueue;
      receiving: ReceiveWindow;
    },
    handler: StreamHandler,
  ) {
    this.#port = port;
    this.id = init.id;
    this.#uid = init.uid;
    this.meta = init.meta;
    this.opener = init.opener;
    this.sending = init.sending;
    this.receiving = init.receiving;
    this.handler = handler;
  }

  get link(): Link {
    return this.#port.link;
  }

  /** Outlives the link: 32 hex digits, chosen by the opener. */
  get uid(): string {
    return this.#uid.toString('hex');
  }

  /** Both halves ended, or reset, or link lost. */
  get closed(): boolean {
    return this.over;
  }

  /** Bytes handed to `data` and not yet `consumed`. */
  get unreadBytes(): number {
    return this.receiving.unreadBytes;
  }

  /** Bytes written that have not left yet. */
  get queuedBytes(): number {
    return this.sending.bytes;
  }

  /**
   * Answers an OPEN; only the acceptor, once, before any data. Does nothing on a closed stream.
   * Throws TunnelError ERR_TUNNEL_STATE, ERR_TUNNEL_TOO_LARGE.
   */
  head(meta: Buffer, opts: { end?: boolean } = {}): void {
    if (this.over) return;
    if (this.opener) throw new TunnelError('ERR_TUNNEL_STATE', 'only the acceptor of a stream sends HEAD');
    if (this.headSeen || this.sending.sentAny)
      throw new TunnelError('ERR_TUNNEL_STATE', 'HEAD twice or after data');
    if (meta.length > this.#port.maxPeerMetaBytes()) {
      throw new TunnelError('ERR_TUNNEL_TOO_LARGE', `metadata of ${meta.length} bytes`);
    }
    this.headSeen = true;
    this.sending.putHead(meta);
    if (opts.end === true) this.sending.putEnd();
    this.#port.offer(this);
  }

  /**
   * Queues a chunk, which must not be changed afterwards. False: stop until `writable`.
   * Does nothing (and returns false) on a closed stream.
   * Throws TunnelError ERR_TUNNEL_STATE after end(), ERR_TUNNEL_OVERRUN when false was ignored for long.
   */
  write(chunk: Buffer): boolean {
    if (this.over) return false;
    const { sending } = this;
    if (sending.endQueued) throw new TunnelError('ERR_TUNNEL_STATE', 'write after end');
    if (sending.bytes >= this.#port.queueMaxBytes) {
      throw new TunnelError('ERR_TUNNEL_OVERRUN', `${sending.bytes} bytes queued in stream ${this.id}`);
    }
    if (chunk.length > 0) {
      sending.put(chunk);
      this.#port.offer(this);
    }
    if (sending.bytes < this.#port.queueHighWaterBytes) return true;
    sending.blocked = true;
    return false;
  }

  /** Half-closes: the peer sees `end` after all that was written. Idempotent. */
  end(): void {
    if (this.over || this.sending.endQueued) return;
    this.sending.putEnd();
    this.#port.offer(this);
  }

  /** Ends both halves at once; the peer's handler gets the code. The own handler hears nothing more. Idempotent. */
  reset(code: ResetCode, message: string = resetCodeName(code)): void {
    if (!this.over) this.#port.reset(this, code, message);
  }

  /** Gives credit back for bytes passed on. Throws RangeError when more than were unread. */
  consumed(bytes: number): void {
    if (this.over) return;
    const credit = this.receiving.consume(bytes);
    if (credit > 0) this.#port.credit(this, credit);
    else if (this.endSeen) this.#port.settle(this);
  }
}
