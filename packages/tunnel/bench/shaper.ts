// A TCP forwarder in user space that gives each direction a rate, a delay and a deep queue, like a long path.
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

export interface ShaperOptions {
  rateBytesPerSecond: number;
  /** One way. */
  delayMs: number;
  /** Bytes the bottleneck queues for one connection before it stops reading. */
  queueBytes: number;
  /** All connections through one queue (default), or each through a queue of its own at the full rate. */
  ownQueues?: boolean;
}

/** One direction's bottleneck; connections that share it share its rate. */
class Pipe {
  readonly #options: ShaperOptions;
  #freeAt = 0;

  constructor(options: ShaperOptions) {
    this.#options = options;
  }

  forward(from: Socket, to: Socket): void {
    const waiting: { at: number; data: Buffer }[] = [];
    let queued = 0;
    let timer: NodeJS.Timeout | undefined;
    const deliver = (): void => {
      timer = undefined;
      const now = performance.now();
      for (let next = waiting[0]; next !== undefined && next.at <= now + 0.2; next = waiting[0]) {
        waiting.shift();
        queued -= next.data.length;
        to.write(next.data);
      }
      if (queued < this.#options.queueBytes) from.resume();
      if (waiting.length > 0) timer = setTimeout(deliver, Math.max(1, (waiting[0]?.at ?? 0) - now));
    };
    from.on('data', (data: Buffer) => {
      const { rateBytesPerSecond, delayMs, queueBytes } = this.#options;
      for (let at = 0; at < data.length; at += 8192) {
        const part = data.subarray(at, at + 8192);
        this.#freeAt = Math.max(this.#freeAt, performance.now()) + (part.length / rateBytesPerSecond) * 1000;
        waiting.push({ at: this.#freeAt + delayMs, data: part });
        queued += part.length;
      }
      if (queued >= queueBytes) from.pause();
      timer ??= setTimeout(deliver, 1);
    });
    from.on('close', () => {
      clearTimeout(timer);
      to.destroy();
    });
    from.on('error', () => to.destroy());
  }
}

/** Listens on loopback and forwards to `port`. */
export async function shaper(
  port: number,
  options: ShaperOptions,
): Promise<{ port: number; server: Server; stop(): void }> {
  const up = new Pipe(options);
  const down = new Pipe(options);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (inner) => {
    const outer = connect({ port, host: '127.0.0.1', noDelay: true });
    sockets.add(inner).add(outer);
    (options.ownQueues === true ? new Pipe(options) : up).forward(inner, outer);
    (options.ownQueues === true ? new Pipe(options) : down).forward(outer, inner);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    server,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
