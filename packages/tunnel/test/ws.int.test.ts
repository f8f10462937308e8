// Links over real WebSockets: bulk, back-pressure, stalled readers, refusal of what ws must not let through.
import { once } from 'node:events';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import {
  bufferutilActive,
  dialWebSocket,
  Link,
  type LinkOptions,
  MemoryBudget,
  type Stream,
  wsTransport,
} from '../src/index.ts';
import { collector, echo } from './pair.ts';

interface Ends {
  agent: Link;
  relay: Link;
  stop(): Promise<void>;
}

async function overWs(
  agentOptions: Partial<LinkOptions>,
  relayOptions: Partial<LinkOptions> = {},
): Promise<Ends> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    maxPayload: 1024 * 1024,
    perMessageDeflate: false,
  });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const relayEnd = once(server, 'connection').then(([ws]) =>
    Link.connect(wsTransport(ws as WebSocket), { role: 'acceptor', software: 'relay/1', ...relayOptions }),
  );
  const ws = await dialWebSocket(`ws://127.0.0.1:${port}`);
  const agent = await Link.connect(wsTransport(ws), { role: 'dialer', software: 'agent/1', ...agentOptions });
  const relay = await relayEnd;
  return {
    agent,
    relay,
    async stop() {
      agent.close();
      relay.terminate('stop');
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers every stream with `bytes` of body as fast as it is taken. */
function serve(bytes: number): (stream: Stream) => void {
  const chunk = Buffer.alloc(64 * 1024, 1);
  return (stream) => {
    let left = bytes;
    const pump = (): void => {
      while (left > 0) {
        const part = left < chunk.length ? chunk.subarray(0, left) : chunk;
        left -= part.length;
        if (!stream.write(part)) return;
      }
      stream.end();
    };
    stream.handler = { data() {}, end() {}, reset() {}, writable: pump };
    stream.head(Buffer.from('200'));
    pump();
  };
}

t.test('bufferutil is in use', async (t) => {
  t.equal(bufferutilActive, true);
});

t.test('100 MiB down arrive whole and the window grew', { timeout: 60_000 }, async (t) => {
  const ends = await overWs({ onStream: serve(100 * 1024 * 1024) });
  const got = collector();
  got.handler.data = (chunk) => {
    got.bytes += chunk.length;
    got.stream?.consumed(chunk.length);
  };
  const from = performance.now();
  got.stream = ends.relay.open(Buffer.from('GET'), got.handler, { end: true });
  await got.done;
  t.equal(got.bytes, 100 * 1024 * 1024);
  t.comment(`${Math.round(100 / ((performance.now() - from) / 1000))} MiB/s`, ends.agent.stats);
  t.equal(ends.relay.stats.reservedBytes, 0);
  await ends.stop();
});

t.test('100 stalled readers cost their windows and harm nobody', { timeout: 60_000 }, async (t) => {
  const budget = new MemoryBudget(64 * 1024 * 1024);
  const ends = await overWs(
    { onStream: (s) => (s.meta.toString() === 'echo' ? echo(s) : serve(1 << 30)(s)) },
    { budget },
  );
  for (let n = 0; n < 100; n += 1) {
    ends.relay.open(Buffer.from('stalled'), { data() {}, end() {}, reset() {} }, { end: true });
  }
  const times: number[] = [];
  for (let n = 0; n < 200; n += 1) {
    const got = collector();
    const from = performance.now();
    got.stream = ends.relay.open(Buffer.from('echo'), got.handler);
    got.stream.write(Buffer.from('key'));
    got.stream.end();
    await got.done;
    times.push(performance.now() - from);
    t.equal(got.bytes, 3);
  }
  times.sort((x, y) => x - y);
  t.comment(`p50 ${times[100]?.toFixed(2)} ms, p99 ${times[198]?.toFixed(2)} ms`);
  t.ok((times[198] ?? 1e9) < 250, 'small streams go on');
  const { unreadBytes, reservedBytes } = ends.relay.stats;
  t.ok(unreadBytes <= reservedBytes, `${unreadBytes} unread of ${reservedBytes} reserved`);
  t.ok(reservedBytes <= 100 * 256 * 1024, 'a reader that never reads costs at most its window');
  t.equal(budget.reserved, reservedBytes);
  const got = collector();
  got.stream = ends.relay.open(Buffer.from('echo'), got.handler);
  got.stream.write(Buffer.alloc(4 * 1024 * 1024));
  got.stream.end();
  await got.done;
  t.equal(got.bytes, 4 * 1024 * 1024, 'and so does bulk beside them');
  await ends.stop();
  t.equal(budget.reserved, 0);
});

t.test('a message above maxPayload ends the link', async (t) => {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    maxPayload: 1024 * 1024,
    perMessageDeflate: false,
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const relayEnd = once(server, 'connection').then(([ws]) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    void Link.connect(wsTransport(ws as WebSocket), { role: 'acceptor', software: 'relay/1' }).catch(
      (error: Error) => resolve(error.message),
    );
    return promise;
  });
  const ws = await dialWebSocket(`ws://127.0.0.1:${port}`);
  ws.send(Buffer.alloc(2 * 1024 * 1024));
  t.match(await relayEnd, /max payload/i);
  server.close();
  ws.terminate();
});

t.test('a text message ends the link, and a compressed WebSocket is not taken', async (t) => {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    maxPayload: 1024 * 1024,
    perMessageDeflate: true,
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const relayEnd = once(server, 'connection').then(([ws]) =>
    t.rejects(Link.connect(wsTransport(ws as WebSocket), { role: 'acceptor', software: 'relay/1' }), {
      code: 'ERR_TUNNEL_HANDSHAKE',
      message: 'text message',
    }),
  );
  const ws = await dialWebSocket(`ws://127.0.0.1:${port}`);
  ws.send('hello');
  await relayEnd;
  ws.terminate();
  const deflating = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(deflating, 'open');
  t.throws(() => wsTransport(deflating), TypeError);
  deflating.terminate();
  for (const client of server.clients) client.terminate();
  server.close();
});
