// What a link needs of a connection: whole binary messages, in order.

export interface MessageTransport {
  /** Never blocks; takes ownership of the bytes. */
  send(message: Buffer): void;
  /** Bytes accepted and not yet handed to the kernel. */
  readonly bufferedBytes: number;
  /** Set once, by the link. */
  handler: TransportHandler | undefined;
  /** Orderly: what was sent before still arrives. */
  close(code?: number, reason?: string): void;
  terminate(): void;
}

export interface TransportHandler {
  message(data: Buffer): void;
  /** `bufferedBytes` fell after it had been above 64 KiB. */
  drain(): void;
  /** Exactly once. */
  closed(reason: string): void;
}
