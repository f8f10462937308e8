// Shared by the tests: two links over memory, a handler that collects, and one that echoes.
import {
  Link,
  type LinkOptions,
  memoryPair,
  type MemoryPairOptions,
  type Stream,
  type StreamHandler,
} from '../src/index.ts';

export type SideOptions = Partial<LinkOptions>;

/** `b` accepts (even ids) with `bOptions`; `a` dialled. */
export async function linkPair(
  bOptions: SideOptions = {},
  aOptions: SideOptions = {},
  pair: MemoryPairOptions = {},
) {
  const [left, right] = memoryPair(pair);
  const [a, b] = await Promise.all([
    Link.connect(left, { role: 'dialer', software: 'test-a/1', ...aOptions }),
    Link.connect(right, { role: 'acceptor', software: 'test-b/1', ...bOptions }),
  ]);
  return { a, b, close: () => a.close() };
}

export interface Collector {
  handler: StreamHandler;
  stream: Stream | undefined;
  head: Buffer | undefined;
  bytes: number;
  chunks: Buffer[];
  resetCode: number | undefined;
  resetMessage: string;
  done: Promise<void>;
  body(): string;
}

/** Reads all at once, and is done at end or reset. */
export function collector(): Collector {
  const { promise, resolve } = Promise.withResolvers<void>();
  const self: Collector = {
    stream: undefined,
    head: undefined,
    bytes: 0,
    chunks: [],
    resetCode: undefined,
    resetMessage: '',
    done: promise,
    body: () => Buffer.concat(self.chunks).toString(),
    handler: {
      head: (meta) => {
        self.head = Buffer.from(meta);
      },
      data: (chunk) => {
        self.bytes += chunk.length;
        self.chunks.push(chunk);
        self.stream?.consumed(chunk.length);
      },
      end: resolve,
      reset: (code, message) => {
        self.resetCode = code;
        self.resetMessage = message;
        resolve();
      },
    },
  };
  return self;
}

/** Sends back what comes, and consumes it only when it was taken. */
export function echo(stream: Stream): void {
  let owed = 0;
  stream.handler = {
    data(chunk) {
      if (stream.write(chunk)) stream.consumed(chunk.length);
      else owed += chunk.length;
    },
    end: () => stream.end(),
    reset() {},
    writable() {
      const bytes = owed;
      owed = 0;
      stream.consumed(bytes);
    },
  };
}

/** A few turns of the event loop: enough for frames in memory to go there and back. */
export async function settled(turns = 12): Promise<void> {
  for (let n = 0; n < turns; n += 1) await new Promise((resolve) => setImmediate(resolve));
}
