// One connection to a peer with all its streams: handshake, frames in, frames out, heartbeat, end.
import { randomBytes } from 'node:crypto';
import { DEFAULT_PROCESS_BUDGET_BYTES, MemoryBudget } from './budget.ts';
import { ACK_EVERY_BYTES, FrameType, HEADER_BYTES, ResetCode, resetCodeName } from './constants.ts';
import { decodeFrames } from './decode.ts';
import { TunnelError } from './errors.ts';
import { encodeFrame, encodeReason } from './frame.ts';
import { decodeHello, encodeHello, type Hello } from './hello.ts';
import { InFlight } from './inflight.ts';
import { type LinkLimits, verifyLimits } from './limits.ts';
import { TokenBucket } from './rate.ts';
import { Scheduler } from './scheduler.ts';
import { SendQueue } from './send-queue.ts';
import { Stream, type StreamHandler, type StreamPort, UNTAKEN } from './stream.ts';
import type { MessageTransport } from './transport.ts';
import { newUid } from './uid.ts';
import { firstWindowBytes, ReceiveWindow, type WindowAccount } from './window.ts';

/** How a link ended; `code` is a ResetCode (0 = orderly) or a newer peer's number. */
export interface LinkEnd {
  readonly code: number;
  readonly name: string;
  readonly message: string;
}

export interface LinkOptions {
  /** Who dialled the connection: the agent is 'dialer' (odd stream ids), the relay 'acceptor' (even). */
  role: 'dialer' | 'acceptor';
  /** Name and version, as in 'fairlead-agent/0.1.0'. */
  software: string;
  capabilities?: readonly string[];
  limits?: Partial<LinkLimits>;
  /** Shared by all links of the process. */
  budget?: MemoryBudget;
  /** The peer opened a stream; must set stream.handler before it returns. Without it, streams are REFUSED. */
  onStream?(stream: Stream): void;
  /** One JSON value from the peer, not checked. */
  onInfo?(info: unknown): void;
  /** Exactly once. */
  onClose?(end: LinkEnd): void;
  /** GOAWAY of the peer: open no new streams here. */
  onDrain?(reason: string): void;
}

export interface OpenOptions {
  /** Nothing follows the metadata. */
  end?: boolean;
  /** 'interactive' goes before bulk for 256 KiB at a time (normal: 64 KiB) between two pauses. */
  priority?: 'interactive' | 'normal';
}

const DEFAULT_BUDGET = new MemoryBudget(DEFAULT_PROCESS_BUDGET_BYTES);
const INTERACTIVE_BYTES = 256 * 1024;
const NORMAL_BYTES = 64 * 1024;
const LAST_STREAM = 0xffff_fff0;

export class Link {
  readonly id: string = randomBytes(8).toString('hex');
  readonly #transport: MessageTransport;
  readonly #options: LinkOptions;
  readonly #limits: LinkLimits;
  readonly #inFlight: InFlight;
  readonly #scheduler: Scheduler;
  readonly #account: WindowAccount & { budget: MemoryBudget; rttMs: number };
  readonly #port: StreamPort;
  readonly #streams = new Map<number, Stream>();
  readonly #opens: TokenBucket;
  readonly #peerOpens: TokenBucket;
  readonly #pings: TokenBucket;
  readonly #infos: TokenBucket;
  readonly #idleFrames: TokenBucket;
  #peerHello: Hello | undefined;
  #capabilities: ReadonlySet<string> = new Set();
  #nextId: number;
  #lastPeerId: number;
  #draining = false;
  #end: LinkEnd | undefined;
  #ready: { resolve(): void; reject(error: TunnelError): void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #flushQueued = false;
  #writables: Stream[] = [];
  #now = performance.now();
  #lastInAt = this.#now;
  #pingSentAt = 0;
  #rttKnown = false;
  #ackedIn = 0;
  readonly #counts = {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    dataIn: 0,
    opened: 0,
    accepted: 0,
    refused: 0,
  };

  /**
   * Exchanges HELLO over an open transport.
   * Rejects with TunnelError ERR_TUNNEL_HANDSHAKE, ERR_TUNNEL_VERSION or ERR_TUNNEL_PROTOCOL; onClose is then not called.
   */
  static async connect(transport: MessageTransport, options: LinkOptions): Promise<Link> {
    const link = new Link(transport, options);
    await link.#handshake();
    return link;
  }

  private constructor(transport: MessageTransport, options: LinkOptions) {
    this.#transport = transport;
    this.#options = options;
    const limits = verifyLimits(options.limits);
    this.#limits = limits;
    this.#inFlight = new InFlight(limits);
    this.#scheduler = new Scheduler(this.#inFlight, (queue) => this.#progress(queue));
    this.#account = {
      budget: new MemoryBudget(limits.linkBudgetBytes, options.budget ?? DEFAULT_BUDGET),
      initialWindowBytes: limits.initialWindowBytes,
      minWindowBytes: limits.minWindowBytes,
      maxWindowBytes: limits.maxWindowBytes,
      unreadBytes: 0,
      rttMs: 0,
    };
    // A little below what the peer grants by default, so that clocks and jitter cause no refusals there.
    this.#opens = new TokenBucket(limits.openRatePerSecond * 0.9, limits.openBurst);
    this.#peerOpens = new TokenBucket(limits.openRatePerSecond, limits.openBurst);
    this.#pings = new TokenBucket(limits.pingRatePerSecond, limits.pingBurst);
    this.#infos = new TokenBucket(limits.infoRatePerSecond, limits.infoBurst);
    this.#idleFrames = new TokenBucket(limits.idleFrameRatePerSecond, limits.idleFrameBurst);
    this.#nextId = options.role === 'dialer' ? 1 : 2;
    this.#lastPeerId = options.role === 'dialer' ? 0 : -1;
    this.#port = this.#makePort();
  }

  get draining(): boolean {
    return this.#draining;
  }

  get closed(): boolean {
    return this.#end !== undefined;
  }

  /** Streams that are not over. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Smoothed round trip, milliseconds; 0 until the first PONG. */
  get rttMs(): number {
    return this.#account.rttMs;
  }

  /** What the peer said of itself; capabilities are those that both sides named. */
  get peer(): { software: string; capabilities: ReadonlySet<string> } {
    return { software: this.#peerHello?.software ?? '', capabilities: this.#capabilities };
  }

  get stats() {
    return {
      ...this.#counts,
      unreadBytes: this.#account.unreadBytes,
      reservedBytes: this.#account.budget.reserved,
      inFlightBytes: this.#inFlight.inFlightBytes,
      inFlightLimitBytes: this.#inFlight.limitBytes,
      bufferedBytes: this.#transport.bufferedBytes,
    };
  }

  /**
   * Opens a stream. `meta` goes out at once, before data of other streams.
   * Throws TunnelError ERR_TUNNEL_CLOSED, _DRAINING, _OPEN_RATE, _BUDGET, _TOO_LARGE.
   */
  open(meta: Buffer, handler: StreamHandler, opts: OpenOptions = {}): Stream {
    const hello = this.#peerHello;
    if (this.#end !== undefined || hello === undefined)
      throw new TunnelError('ERR_TUNNEL_CLOSED', 'link is closed');
    if (this.#draining || this.#nextId > LAST_STREAM)
      throw new TunnelError('ERR_TUNNEL_DRAINING', 'link is draining');
    if (meta.length > hello.limits.maxMetaBytes) {
      throw new TunnelError('ERR_TUNNEL_TOO_LARGE', `metadata of ${meta.length} bytes`);
    }
    if (!this.#opens.take(performance.now()))
      throw new TunnelError('ERR_TUNNEL_OPEN_RATE', 'streams opened too fast');
    if (
      this.#scheduler.openingBytes + meta.length >
      this.#limits.openQueueBytes + this.#limits.maxMetaBytes
    ) {
      throw new TunnelError('ERR_TUNNEL_BUDGET', 'too many OPEN frames wait for the link');
    }
    const receiving = new ReceiveWindow(this.#account);
    const window = receiving.start(firstWindowBytes(this.#account));
    if (window === 0) throw new TunnelError('ERR_TUNNEL_BUDGET', 'no memory left for a window');
    const id = this.#nextId;
    this.#nextId += 2;
    const uid = newUid();
    const sending = this.#newQueue(id, hello.limits.initialWindowBytes, opts.priority);
    if (opts.end === true) sending.putEnd();
    const stream = new Stream(this.#port, { id, uid, meta, opener: true, sending, receiving }, handler);
    this.#streams.set(id, stream);
    this.#counts.opened += 1;
    const prefix = Buffer.allocUnsafe(20);
    prefix.set(uid);
    prefix.writeUInt32BE(window, 16);
    this.#scheduler.open(sending, prefix, meta);
    this.#queueFlush();
    return stream;
  }

  /** Sends one JSON value outside of any stream. Throws TunnelError ERR_TUNNEL_TOO_LARGE, ERR_TUNNEL_CLOSED. */
  sendInfo(info: unknown): void {
    const hello = this.#peerHello;
    if (this.#end !== undefined || hello === undefined)
      throw new TunnelError('ERR_TUNNEL_CLOSED', 'link is closed');
    const payload = Buffer.from(JSON.stringify(info));
    if (payload.length > hello.limits.maxMetaBytes) {
      throw new TunnelError('ERR_TUNNEL_TOO_LARGE', `INFO of ${payload.length} bytes`);
    }
    this.#control(encodeFrame(FrameType.INFO, 0, 0, payload));
  }

  /** Asks the peer to open no more streams here; existing ones go on. Idempotent. */
  drain(reason: string): void {
    if (this.#end !== undefined || this.#draining) return;
    this.#draining = true;
    this.#control(encodeFrame(FrameType.GOAWAY, 0, 0, encodeReason(ResetCode.DRAINING, reason)));
  }

  /** Ends the link in order; streams that are not over get LINK_LOST on both sides. */
  close(reason = 'closed'): void {
    this.#leave(ResetCode.OK, reason, 1000);
  }

  /** Ends the link at once, without a word to the peer. */
  terminate(reason: string): void {
    if (this.#end !== undefined) return;
    this.#transport.terminate();
    this.#finish(ResetCode.LINK_LOST, reason);
  }

  // --- handshake and end ---

  #handshake(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#ready = { resolve, reject };
      this.#timer = setTimeout(() => {
        this.#transport.terminate();
        this.#finish(ResetCode.TIMEOUT, 'no HELLO in time');
      }, this.#limits.handshakeTimeoutMs);
      this.#transport.handler = {
        message: (data) => this.#message(data),
        drain: () => this.#flush(),
        closed: (reason) => this.#finish(ResetCode.LINK_LOST, reason),
      };
      const hello = encodeHello(this.#limits, this.#options.software, this.#options.capabilities ?? []);
      this.#send(encodeFrame(FrameType.HELLO, 0, 0, hello));
    });
  }

  #greeted(payload: Buffer): void {
    const hello = decodeHello(payload);
    this.#peerHello = hello;
    const own = new Set(this.#options.capabilities);
    this.#capabilities = new Set(hello.capabilities.filter((name) => own.has(name)));
    clearTimeout(this.#timer);
    this.#heartbeat();
    this.#ready?.resolve();
    this.#ready = undefined;
  }

  /** Says why with GOAWAY, then closes the transport. */
  #leave(code: ResetCode, message: string, wsCode: number): void {
    if (this.#end !== undefined) return;
    this.#send(encodeFrame(FrameType.GOAWAY, 0, 0, encodeReason(code, message)));
    this.#transport.close(wsCode, resetCodeName(code));
    this.#finish(code, message);
  }

  #finish(code: number, message: string, error?: TunnelError): void {
    if (this.#end !== undefined) return;
    const end = { code, name: resetCodeName(code), message };
    this.#end = end;
    clearTimeout(this.#timer);
    for (const stream of [...this.#streams.values()]) {
      this.#remove(stream);
      this.#tell(stream, ResetCode.LINK_LOST, `link ended: ${message}`);
    }
    if (this.#ready !== undefined) {
      this.#ready.reject(error ?? new TunnelError(handshakeCode(code), message));
      this.#ready = undefined;
    } else this.#options.onClose?.(end);
  }

  /** Pings at an interval and notices silence; one timer a link. */
  #heartbeat(): void {
    const { pingIntervalMs, pingTimeoutMs } = this.#limits;
    let suspect = false;
    const tick = (): void => {
      const now = performance.now();
      const silence = now - this.#lastInAt;
      if (silence >= pingTimeoutMs && suspect) {
        this.terminate(`nothing received for ${Math.round(silence)} ms`);
        return;
      }
      // After a stall of this process the bytes may wait in the socket: look once more after it was read.
      suspect = silence >= pingTimeoutMs;
      if (suspect) {
        this.#timer = setTimeout(tick, 5).unref();
        return;
      }
      if (now - this.#pingSentAt >= pingIntervalMs / 2) this.#ping(now);
      const wait = pingIntervalMs * (0.85 + 0.15 * Math.random());
      this.#timer = setTimeout(tick, Math.min(wait, pingTimeoutMs - silence + 1)).unref();
    };
    tick();
  }

  #ping(now: number): void {
    const payload = Buffer.allocUnsafe(8);
    payload.writeDoubleBE(now);
    this.#pingSentAt = now;
    this.#scheduler.control.ping(payload);
    this.#queueFlush();
  }

  #pong(payload: Buffer): void {
    const sample = this.#now - payload.readDoubleBE(0);
    if (!(sample >= 0 && sample <= this.#limits.pingTimeoutMs * 2)) return;
    this.#account.rttMs = this.#rttKnown ? this.#account.rttMs * 0.75 + sample * 0.25 : sample;
    this.#rttKnown = true;
  }

  // --- frames in; nothing here blocks or waits ---

  #message(data: Buffer): void {
    if (this.#end !== undefined) return;
    this.#now = performance.now();
    this.#lastInAt = this.#now;
    this.#counts.messagesIn += 1;
    this.#counts.bytesIn += data.length;
    try {
      decodeFrames(data, this.#limits, this);
    } catch (error) {
      this.#broken(error);
      return;
    }
    if (this.#counts.dataIn - this.#ackedIn >= ACK_EVERY_BYTES && this.#end === undefined) {
      this.#ackedIn = this.#counts.dataIn;
      this.#scheduler.control.ack(this.#ackedIn);
      this.#queueFlush();
    }
  }

  #broken(error: unknown): void {
    if (!(error instanceof TunnelError)) throw error;
    const code = error.code === 'ERR_TUNNEL_VERSION' ? ResetCode.VERSION : ResetCode.PROTOCOL;
    if (this.#end !== undefined) return;
    this.#send(encodeFrame(FrameType.GOAWAY, 0, 0, encodeReason(code, error.message)));
    this.#transport.close(1002, resetCodeName(code));
    this.#finish(code, error.message, error);
  }

  /** One frame from the decoder. Throws TunnelError ERR_TUNNEL_PROTOCOL, which ends the link. */
  frame(type: number, flags: number, id: number, payload: Buffer): boolean {
    if (this.#peerHello === undefined && type !== FrameType.HELLO && type !== FrameType.GOAWAY) {
      throw bad('first frame is not HELLO');
    }
    switch (type) {
      case FrameType.DATA:
        this.#counts.dataIn += HEADER_BYTES + payload.length;
        this.#onData(this.#find(id), payload, flags !== 0);
        break;
      case FrameType.HEAD:
        this.#onHead(this.#find(id), payload, flags !== 0);
        break;
      case FrameType.END:
        this.#onEnd(this.#find(id));
        break;
      case FrameType.CREDIT:
        this.#onCredit(this.#find(id), payload.readUInt32BE(0));
        break;
      case FrameType.OPEN:
        this.#onOpen(id, payload, flags !== 0);
        break;
      case FrameType.RESET:
        this.#onReset(this.#find(id), payload);
        break;
      case FrameType.ACK:
        this.#idle();
        if (!this.#inFlight.acked(payload.readUIntBE(0, 6), this.#now)) throw bad('ACK out of range');
        this.#queueFlush();
        break;
      case FrameType.PING:
        if (!this.#pings.take(this.#now)) throw bad('too many PING frames');
        this.#scheduler.control.pong(payload);
        this.#queueFlush();
        break;
      case FrameType.PONG:
        this.#idle();
        this.#pong(payload);
        break;
      case FrameType.GOAWAY:
        this.#onGoAway(payload.readUInt16BE(0), payload.toString('utf8', 2));
        break;
      case FrameType.INFO:
        this.#onInfo(payload);
        break;
      case FrameType.HELLO:
        if (this.#peerHello !== undefined) throw bad('HELLO twice');
        this.#greeted(payload);
        break;
      default:
        this.#idle();
    }
    return this.#end === undefined;
  }

  /** The stream, or undefined when it is over. Throws when it was never opened. */
  #find(id: number): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    const own = (id & 1) === (this.#nextId & 1);
    if (own ? id >= this.#nextId : id > this.#lastPeerId)
      throw bad(`frame on stream ${id}, which was never opened`);
    return undefined;
  }

  /** Counts a frame that has no effect, so that a flood of them ends the link. */
  #idle(): void {
    if (!this.#idleFrames.take(this.#now)) throw bad('too many frames without effect');
  }

  #onOpen(id: number, payload: Buffer, end: boolean): void {
    if ((id & 1) === (this.#nextId & 1)) throw bad(`OPEN of stream ${id}, which is not the peer's to open`);
    if (id <= this.#lastPeerId) throw bad(`OPEN of stream ${id} after ${this.#lastPeerId}`);
    this.#lastPeerId = id;
    if (!this.#peerOpens.take(this.#now))
      return this.#refuse(id, ResetCode.OVERLOADED, 'streams opened too fast');
    if (this.#options.onStream === undefined) return this.#refuse(id, ResetCode.REFUSED, 'takes no streams');
    const meta = payload.subarray(20);
    const receiving = new ReceiveWindow(this.#account);
    if (end) receiving.end();
    else if (receiving.start(this.#limits.minWindowBytes) === 0) {
      return this.#refuse(id, ResetCode.OVERLOADED, 'no memory left for a window');
    }
    if (!this.#account.budget.reserve(meta.length)) {
      receiving.discard();
      return this.#refuse(id, ResetCode.OVERLOADED, 'no memory left for metadata');
    }
    const sending = this.#newQueue(id, payload.readUInt32BE(16), 'normal');
    const uid = Buffer.from(payload.subarray(0, 16));
    const stream = new Stream(this.#port, { id, uid, meta, opener: false, sending, receiving }, UNTAKEN);
    stream.openedEnded = end;
    this.#streams.set(id, stream);
    this.#counts.accepted += 1;
    this.#guard(stream, () => {
      this.#options.onStream?.(stream);
      if (!stream.over && stream.handler === UNTAKEN) throw new TypeError('onStream set no handler');
    });
    if (end) this.#ended(stream);
  }

  #refuse(id: number, code: ResetCode, message: string): void {
    this.#counts.refused += 1;
    this.#control(encodeFrame(FrameType.RESET, 0, id, encodeReason(code, message)));
  }

  #onHead(stream: Stream | undefined, meta: Buffer, end: boolean): void {
    if (stream === undefined) return this.#idle();
    if (!stream.opener) return this.#abort(stream, ResetCode.PROTOCOL, 'HEAD from the opener');
    if (stream.headSeen || stream.endSeen || stream.dataSeen) {
      return this.#abort(stream, ResetCode.PROTOCOL, 'HEAD twice, or after data');
    }
    stream.headSeen = true;
    this.#guard(stream, () => stream.handler.head?.(meta));
    if (end) this.#ended(stream);
  }

  #onData(stream: Stream | undefined, chunk: Buffer, end: boolean): void {
    if (chunk.length === 0) this.#idle();
    if (stream === undefined) return;
    if (stream.endSeen) return this.#abort(stream, ResetCode.PROTOCOL, 'DATA after END');
    const first = !stream.dataSeen;
    stream.dataSeen = true;
    if (!stream.receiving.receive(chunk.length, this.#now)) {
      return this.#abort(stream, ResetCode.FLOW, 'more than the window');
    }
    // An acceptor starts with the least window, and opens it up once a body really comes.
    if (first && !stream.opener && !end) {
      const more = stream.receiving.growTo(firstWindowBytes(this.#account));
      if (more > 0) this.#port.credit(stream, more);
    }
    if (chunk.length > 0) this.#guard(stream, () => stream.handler.data(chunk));
    if (end) this.#ended(stream);
  }

  #onEnd(stream: Stream | undefined): void {
    if (stream === undefined) return this.#idle();
    if (stream.endSeen) return this.#abort(stream, ResetCode.PROTOCOL, 'END twice');
    this.#ended(stream);
  }

  #ended(stream: Stream): void {
    if (stream.over) return;
    stream.endSeen = true;
    stream.receiving.end();
    this.#scheduler.control.forget(stream.id);
    this.#guard(stream, () => stream.handler.end());
    this.#port.settle(stream);
  }

  #onCredit(stream: Stream | undefined, bytes: number): void {
    if (bytes === 0) throw bad('CREDIT of 0 bytes');
    if (stream === undefined) return this.#idle();
    if (stream.sending.endSent) this.#idle();
    if (!stream.sending.addCredit(bytes)) return this.#abort(stream, ResetCode.FLOW, 'window above 2 GiB');
    this.#port.offer(stream);
  }

  #onReset(stream: Stream | undefined, payload: Buffer): void {
    if (stream === undefined) return this.#idle();
    this.#remove(stream);
    this.#tell(stream, payload.readUInt16BE(0), payload.toString('utf8', 2));
  }

  #onGoAway(code: number, message: string): void {
    if (code === ResetCode.DRAINING && this.#peerHello !== undefined) {
      this.#idle();
      if (this.#draining) return;
      this.#draining = true;
      this.#options.onDrain?.(message);
      return;
    }
    this.#transport.close(1000, 'GOAWAY');
    this.#finish(code, message);
  }

  #onInfo(payload: Buffer): void {
    if (!this.#infos.take(this.#now)) throw bad('too many INFO frames');
    let info: unknown;
    try {
      info = JSON.parse(payload.toString());
    } catch {
      throw bad('INFO is not JSON');
    }
    this.#options.onInfo?.(info);
  }

  // --- streams ---

  #makePort(): StreamPort {
    return {
      link: this,
      queueHighWaterBytes: this.#limits.queueHighWaterBytes,
      queueMaxBytes: this.#limits.queueMaxBytes,
      maxPeerMetaBytes: () => this.#peerHello?.limits.maxMetaBytes ?? 0,
      offer: (stream) => {
        this.#scheduler.offer(stream.sending, performance.now());
        this.#queueFlush();
      },
      credit: (stream, bytes) => {
        this.#scheduler.control.credit(stream.id, bytes);
        this.#queueFlush();
      },
      reset: (stream, code, message) => this.#reset(stream, code, message),
      settle: (stream) => {
        if (stream.endSeen && stream.sending.endSent && stream.unreadBytes === 0 && !stream.over)
          this.#remove(stream);
      },
    };
  }

  #newQueue(id: number, credit: number, priority: OpenOptions['priority']): SendQueue {
    const peerMax = this.#peerHello?.limits.maxDataBytes ?? 0;
    const interactive = priority === 'interactive' ? INTERACTIVE_BYTES : NORMAL_BYTES;
    return new SendQueue(id, credit, Math.min(peerMax, this.#limits.maxDataBytes), interactive);
  }

  #reset(stream: Stream, code: ResetCode, message: string): void {
    const unsent = this.#scheduler.cancelOpen(stream.sending);
    this.#remove(stream);
    if (!unsent) this.#control(encodeFrame(FrameType.RESET, 0, stream.id, encodeReason(code, message)));
  }

  /** Resets the stream on both sides. */
  #abort(stream: Stream, code: ResetCode, message: string): void {
    if (stream.over) return;
    this.#reset(stream, code, message);
    this.#tell(stream, code, message);
  }

  #tell(stream: Stream, code: number, message: string): void {
    try {
      stream.handler.reset(code, message);
    } catch {
      // The stream is over already; there is nobody left to tell.
    }
  }

  #remove(stream: Stream): void {
    if (stream.over) return;
    stream.over = true;
    stream.sending.close();
    stream.receiving.discard();
    if (!stream.opener) this.#account.budget.release(stream.meta.length);
    this.#scheduler.control.forget(stream.id);
    this.#streams.delete(stream.id);
  }

  /** Runs the owner's code; what it throws resets only its stream. */
  #guard(stream: Stream, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#abort(stream, ResetCode.INTERNAL, error instanceof Error ? error.name : 'stream handler failed');
    }
  }

  // --- frames out ---

  #control(frame: Buffer): void {
    if (this.#end !== undefined) return;
    if (!this.#scheduler.control.frame(frame)) this.terminate('too many control frames wait');
    else this.#queueFlush();
  }

  #queueFlush(): void {
    if (this.#flushQueued || this.#end !== undefined) return;
    this.#flushQueued = true;
    process.nextTick(flushLink, this.#flushBound);
  }

  readonly #flushBound = (): void => this.#flush();

  #flush(): void {
    this.#flushQueued = false;
    if (this.#end !== undefined || this.#peerHello === undefined) return;
    const now = performance.now();
    const high = this.#limits.transportHighWaterBytes;
    for (;;) {
      const buffered = this.#transport.bufferedBytes;
      if (buffered >= 4 * high) break;
      const message = this.#scheduler.next(now, buffered < high, buffered < 2 * high);
      if (message === undefined) break;
      this.#send(message);
      if (this.#end !== undefined) return;
    }
    if (this.#writables.length > 0) this.#callWritables();
  }

  #send(message: Buffer): void {
    this.#counts.messagesOut += 1;
    this.#counts.bytesOut += message.length;
    this.#transport.send(message);
  }

  #progress(queue: SendQueue): void {
    if (queue.blocked && queue.bytes * 2 <= this.#limits.queueHighWaterBytes) {
      queue.blocked = false;
      const stream = this.#streams.get(queue.stream);
      if (stream !== undefined) this.#writables.push(stream);
    }
    if (!queue.endSent) return;
    const stream = this.#streams.get(queue.stream);
    if (stream !== undefined) this.#port.settle(stream);
  }

  #callWritables(): void {
    const streams = this.#writables;
    this.#writables = [];
    for (const stream of streams) {
      if (!stream.over) this.#guard(stream, () => stream.handler.writable?.());
    }
  }
}

function flushLink(flush: () => void): void {
  flush();
}

function handshakeCode(code: number): 'ERR_TUNNEL_VERSION' | 'ERR_TUNNEL_HANDSHAKE' | 'ERR_TUNNEL_PROTOCOL' {
  if (code === ResetCode.VERSION) return 'ERR_TUNNEL_VERSION';
  return code === ResetCode.PROTOCOL ? 'ERR_TUNNEL_PROTOCOL' : 'ERR_TUNNEL_HANDSHAKE';
}

function bad(what: string): TunnelError {
  return new TunnelError('ERR_TUNNEL_PROTOCOL', what);
}
