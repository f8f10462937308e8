// Two ends of a connection in memory, for tests and for a relay with its agent in one process.
import type { MessageTransport, TransportHandler } from './transport.ts';

export interface MemoryPairOptions {
  /** Messages handed over per turn of the event loop; default 64. */
  messagesPerTurn?: number;
}

class MemoryEnd implements MessageTransport {
  handler: TransportHandler | undefined;
  peer: MemoryEnd | undefined;
  readonly #perTurn: number;
  #queue: Buffer[] = [];
  #buffered = 0;
  #armed = false;
  #closing: string | undefined;
  #closed = false;

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  send(message: Buffer): void {
    if (this.#closed || this.#closing !== undefined) return;
    this.#queue.push(message);
    this.#buffered += message.length;
    this.#arm();
  }

  close(_code?: number, reason = ''): void {
    if (this.#closed || this.#closing !== undefined) return;
    this.#closing = reason;
    this.#arm();
  }

  terminate(): void {
    this.#queue = [];
    this.#over('terminated');
    setImmediate(() => this.peer?.hangUp('connection lost'));
  }

  hangUp(reason: string): void {
    this.#over(reason);
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#armed = false;
    if (this.#closed) return;
    const before = this.#buffered;
    for (const message of this.#queue.splice(0, this.#perTurn)) {
      this.#buffered -= message.length;
      this.peer?.deliver(message);
    }
    if (this.#queue.length > 0) this.#arm();
    else if (this.#closing !== undefined) {
      this.peer?.hangUp(this.#closing);
      this.#over(this.#closing);
      return;
    }
    if (before > 0) this.handler?.drain();
  }

  deliver(message: Buffer): void {
    if (!this.#closed) this.handler?.message(message);
  }

  #over(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#buffered = 0;
    this.handler?.closed(reason);
  }
}

/** Two connected ends. What one sends the other gets on a later turn of the event loop. */
export function memoryPair(options: MemoryPairOptions = {}): [MessageTransport, MessageTransport] {
  const a = new MemoryEnd(options.messagesPerTurn ?? 64);
  const b = new MemoryEnd(options.messagesPerTurn ?? 64);
  a.peer = b;
  b.peer = a;
  return [a, b];
}
