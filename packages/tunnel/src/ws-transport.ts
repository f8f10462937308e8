// A WebSocket of the `ws` package as message transport.
import { createRequire } from 'node:module';
import type { WebSocket } from 'ws';
import type { MessageTransport, TransportHandler } from './transport.ts';

/** From this many buffered bytes on, the end of each write is reported as drain. */
const DRAIN_FROM_BYTES = 64 * 1024;
const BINARY = { binary: true, compress: false } as const;

class WsTransport implements MessageTransport {
  readonly #ws: WebSocket;
  #handler: TransportHandler | undefined;
  #early: Buffer[] | undefined = [];
  #closedReason: string | undefined;
  readonly #written = (): void => this.#handler?.drain();

  constructor(ws: WebSocket) {
    if (ws.extensions.includes('permessage-deflate'))
      throw new TypeError('the WebSocket must not use permessage-deflate');
    this.#ws = ws;
    ws.binaryType = 'nodebuffer';
    let reason = '';
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) {
        reason = 'text message';
        ws.close(1003, reason);
        ws.terminate();
      } else if (this.#early !== undefined) this.#early.push(data);
      else this.#handler?.message(data);
    });
    ws.on('error', (error: Error) => {
      reason = error.message;
    });
    ws.on('close', (code: number, text: Buffer) => {
      const said = text.length > 0 ? text.toString() : `WebSocket closed (${code})`;
      this.#closedReason = reason === '' ? said : reason;
      if (this.#early === undefined) this.#handler?.closed(this.#closedReason);
    });
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  get handler(): TransportHandler | undefined {
    return this.#handler;
  }

  /** Set once, in the turn that made the transport or a later one; messages that came before are handed over. */
  set handler(handler: TransportHandler | undefined) {
    this.#handler = handler;
    const early = this.#early;
    if (handler === undefined || early === undefined) return;
    queueMicrotask(() => {
      this.#early = undefined;
      for (const data of early) handler.message(data);
      if (this.#closedReason !== undefined) handler.closed(this.#closedReason);
    });
  }

  send(message: Buffer): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    const full = this.#ws.bufferedAmount + message.length >= DRAIN_FROM_BYTES;
    if (full) this.#ws.send(message, BINARY, this.#written);
    else this.#ws.send(message, BINARY);
  }

  close(code = 1000, reason = ''): void {
    this.#ws.close(code, reason);
  }

  terminate(): void {
    this.#ws.terminate();
  }
}

/**
 * Wraps an open WebSocket. It must have been made without permessage-deflate (else TypeError) and with a finite
 * `maxPayload` at least the link's maxMessageBytes; `ws` itself turns on TCP_NODELAY.
 */
export function wsTransport(ws: WebSocket): MessageTransport {
  return new WsTransport(ws);
}

/** Whether the native masking of `bufferutil` is in use; without it an agent sends bulk at about 0.7 of the speed. */
export const bufferutilActive: boolean = probe();

function probe(): boolean {
  if (process.env['WS_NO_BUFFER_UTIL'] !== undefined) return false;
  try {
    const native: unknown = createRequire(import.meta.url)('bufferutil');
    return typeof native === 'object' && native !== null;
  } catch {
    return false;
  }
}
