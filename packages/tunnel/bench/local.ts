// Streams a second and bytes a second over a loopback WebSocket, both ends in one process: a floor to watch, no claim.
import { once } from 'node:events';
import { type WebSocket, WebSocketServer } from 'ws';
import { dialWebSocket, Link, type LinkLimits, type Stream, wsTransport } from '../src/index.ts';

const MiB = 1024 * 1024;

async function measure(name: string, limits: Partial<LinkLimits>): Promise<void> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    maxPayload: MiB,
    perMessageDeflate: false,
  });
  await once(server, 'listening');
  const accepted = once(server, 'connection').then(([ws]) =>
    Link.connect(wsTransport(ws as WebSocket), { role: 'acceptor', software: 'bench/1', limits }),
  );
  const ws = await dialWebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
  const head = Buffer.alloc(200, 32);
  const small = Buffer.alloc(1024, 32);
  const large = Buffer.alloc(65_536, 32);
  const onStream = (stream: Stream): void => {
    const bulk = stream.meta.length === 4;
    let left = bulk ? 8192 : 0;
    const pump = (): void => {
      for (; left > 0; left -= 1) if (!stream.write(large)) return void (left -= 1);
      stream.end();
    };
    stream.handler = { data() {}, end() {}, reset() {}, writable: pump };
    stream.head(head);
    if (!bulk) stream.write(small);
    pump();
  };
  const agent = await Link.connect(wsTransport(ws), {
    role: 'dialer',
    software: 'bench/1',
    limits,
    onStream,
  });
  const relay = await accepted;
  const get = (meta: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream: Stream = relay.open(
        meta,
        {
          data: (chunk) => stream.consumed(chunk.length),
          end: resolve,
          reset: (_code, message) => reject(new Error(message)),
        },
        { end: true },
      );
    });
  const request = Buffer.alloc(500, 32);
  let count = 0;
  const until = performance.now() + 2000;
  const worker = async (): Promise<void> => {
    for (; performance.now() < until; count += 1) await get(request);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  const from = performance.now();
  await get(Buffer.from('bulk'));
  const rate = 512 / ((performance.now() - from) / 1000);
  console.log(
    `${name}: ${Math.round(count / 2)} GET/s at 16, bulk ${Math.round(rate)} MiB/s`,
    Math.round(agent.stats.inFlightLimitBytes / 1024),
    'KiB',
  );
  relay.close();
  agent.terminate('done');
  server.close();
}

await measure('in flight bounded', { openRatePerSecond: 1_000_000, openBurst: 1_000_000 });
await measure('unbounded', {
  minInFlightBytes: 16 * MiB,
  openRatePerSecond: 1_000_000,
  openBurst: 1_000_000,
});
await measure('in flight bounded', { openRatePerSecond: 1_000_000, openBurst: 1_000_000 });
await measure('unbounded', {
  minInFlightBytes: 16 * MiB,
  openRatePerSecond: 1_000_000,
  openBurst: 1_000_000,
});
