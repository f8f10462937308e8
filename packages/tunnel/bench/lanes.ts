// Measures what a keystroke waits beside a download: no bound, bytes-in-flight control, and a second socket (docs/adr/0001).
import { once } from 'node:events';
import { type WebSocket, WebSocketServer } from 'ws';
import { dialWebSocket, Link, type LinkLimits, type Stream, wsTransport } from '../src/index.ts';
import { shaper } from './shaper.ts';

const SECONDS = Number(process.argv[2] ?? 6);
const MiB = 1024 * 1024;

function onStream(stream: Stream): void {
  if (stream.meta.toString() === 'echo') {
    stream.handler = {
      data(chunk) {
        stream.write(chunk);
        stream.consumed(chunk.length);
      },
      end: () => stream.end(),
      reset() {},
    };
    return;
  }
  const chunk = Buffer.alloc(64 * 1024, 1);
  const pump = (): void => {
    while (stream.write(chunk));
  };
  stream.handler = { data() {}, end() {}, reset() {}, writable: pump };
  pump();
}

/** `lanes` links through one shaped path; bulk on the first, echo on the last. */
async function run(
  name: string,
  mbit: number,
  lanes: number,
  limits: Partial<LinkLimits>,
  bulk = true,
  ownQueues = false,
): Promise<void> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    maxPayload: MiB,
    perMessageDeflate: false,
  });
  await once(server, 'listening');
  const relays: Promise<Link>[] = [];
  server.on('connection', (ws: WebSocket) => {
    relays.push(Link.connect(wsTransport(ws), { role: 'acceptor', software: 'bench/1', limits }));
  });
  const path = await shaper((server.address() as { port: number }).port, {
    rateBytesPerSecond: (mbit * 1e6) / 8,
    delayMs: 25,
    queueBytes: 8 * MiB,
    ownQueues,
  });
  const agents: Link[] = [];
  for (let n = 0; n < lanes; n += 1) {
    const ws = await dialWebSocket(`ws://127.0.0.1:${path.port}`);
    agents.push(
      await Link.connect(wsTransport(ws), { role: 'dialer', software: 'bench/1', limits, onStream }),
    );
  }
  const links = await Promise.all(relays);
  let bytes = 0;
  if (bulk) {
    const stream: Stream | undefined = links[0]?.open(
      Buffer.from('bulk'),
      {
        data(chunk) {
          bytes += chunk.length;
          stream?.consumed(chunk.length);
        },
        end() {},
        reset() {},
      },
      { end: true },
    );
  }
  await sleep(3000);
  const before = bytes;
  const from = performance.now();
  const times = await echoes(links[links.length - 1] as Link, SECONDS * 1000);
  const rate = (bytes - before) / ((performance.now() - from) / 1000) / 1e6;
  times.sort((a, b) => a - b);
  const at = (q: number): string => (times[Math.floor(q * (times.length - 1))] ?? 0).toFixed(0);
  const limit = Math.round((agents[0]?.stats.inFlightLimitBytes ?? 0) / 1024);
  console.log(`| ${mbit} Mbit/s | ${name} | ${rate.toFixed(1)} | ${at(0.5)} | ${at(0.99)} | ${limit} KiB |`);
  for (const link of [...agents, ...links]) link.terminate('done');
  path.stop();
  server.close();
}

async function echoes(link: Link, forMs: number): Promise<number[]> {
  const times: number[] = [];
  let answered: (() => void) | undefined;
  const stream: Stream = link.open(
    Buffer.from('echo'),
    {
      data(chunk) {
        stream.consumed(chunk.length);
        answered?.();
      },
      end() {},
      reset() {},
    },
    { priority: 'interactive' },
  );
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    const from = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = resolve;
    stream.write(Buffer.from('k'));
    await promise;
    times.push(performance.now() - from);
    await sleep(20);
  }
  return times;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

console.log('| link | variant | bulk MB/s | echo p50 ms | echo p99 ms | in-flight limit |');
console.log('|---|---|---|---|---|---|');
const unbounded = { minInFlightBytes: 16 * MiB, maxInFlightBytes: 16 * MiB };
for (const mbit of process.argv[3] === undefined ? [100] : process.argv.slice(3).map(Number)) {
  await run('idle, no bulk', mbit, 1, {}, false);
  await run('one socket, unbounded', mbit, 1, unbounded);
  await run('one socket, bytes in flight', mbit, 1, {});
  await run('two sockets, unbounded, one queue in the path', mbit, 2, unbounded);
  await run('two sockets, unbounded, a queue each', mbit, 2, unbounded, true, true);
}
