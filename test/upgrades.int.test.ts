/** Upgraded requests: after a checked 101 the same bytes in both directions, each with its own end (B16, B17). */

import { randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { EARLY_BYTES, websocketAccept } from '@fairlead/testbed/echo-upgrade';
import t from 'tap';
import { startRelayed } from './support/relayed.ts';
import { arrival, headerMap, mark, requestText, statusOf } from './support/wire.ts';

const relayed = await startRelayed();
t.teardown(() => relayed[Symbol.asyncDispose]());

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Key: ${KEY}`];
const SPDY = ['Connection: Upgrade', 'Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: v4.channel.k8s.io'];
const PROTOCOLS = [
  ['WebSocket', WEBSOCKET],
  ['SPDY/3.1', SPDY],
] as const;

/** Bytes as they come, with a way to wait for enough of them. */
class Received {
  readonly socket: TLSSocket;
  readonly chunks: Buffer[] = [];
  length = 0;
  ended: Promise<void>;
  #wake = (): void => {};

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.length += chunk.length;
      this.#wake();
    });
    socket.on('error', () => {});
    this.ended = new Promise((resolve) => socket.once('end', resolve).once('close', () => resolve()));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  async until(enough: () => boolean): Promise<void> {
    while (!enough()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** Waits for a head and `count` bytes behind it. */
  async behindHead(count: number): Promise<{ head: string; rest: Buffer }> {
    await this.until(() => this.bytes.includes('\r\n\r\n'));
    const at = this.bytes.indexOf('\r\n\r\n') + 4;
    await this.until(() => this.length >= at + count);
    return { head: this.bytes.subarray(0, at).toString('latin1'), rest: this.bytes.subarray(at) };
  }
}

/** Waits until no stream is left on any link. */
async function noStreams(): Promise<void> {
  while (relayed.relay.links.of('demo').some(({ streams }) => streams > 0)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function upgrade(mode: string, lines: readonly string[], first: Buffer | string = '') {
  const path = mark();
  const received = new Received(await relayed.raw());
  const head = requestText(`/upgrade/${mode}?${path}`, { lines: [...lines] });
  received.socket.write(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(first)]));
  return { path, received, socket: received.socket };
}

for (const [name, lines] of PROTOCOLS) {
  t.test(`${name}: the head of the 101 arrives whole`, async (t) => {
    const { received, socket, path } = await upgrade('echo', lines);
    const { head } = await received.behindHead(0);
    t.match(head, /^HTTP\/1\.1 101 /);
    t.match(head, /\r\nConnection: Upgrade\r\n/i);
    t.match(head, new RegExp(`\r\nUpgrade: ${name}\r\n`, 'i'));
    t.equal(head.match(/\r\nupgrade:/gi)?.length, 1);
    if (lines === WEBSOCKET) t.match(head, `Sec-WebSocket-Accept: ${websocketAccept(KEY)}`);
    else t.match(head, 'X-Stream-Protocol-Version: v4.channel.k8s.io');
    const headers = headerMap((await arrival(relayed, path)).rawHeaders);
    t.same(headers.get('impersonate-user'), ['alice']);
    t.equal(headers.get('upgrade')?.length, 1);
    socket.destroy();
  });

  t.test(`${name}: 5 MB of random bytes are echoed byte for byte`, async (t) => {
    const bytes = randomBytes(5_000_000);
    const { received, socket } = await upgrade('echo', lines);
    await received.behindHead(0);
    socket.write(bytes);
    const { rest } = await received.behindHead(bytes.length);
    t.ok(rest.equals(bytes));
    socket.end();
    await received.ended;
    t.equal((await received.behindHead(0)).rest.length, bytes.length, 'and not one more');
  });

  t.test(`${name}: B17 bytes in the same packet as the request's head: once, in order`, async (t) => {
    const first = randomBytes(2000);
    const second = randomBytes(50_000);
    const { received, socket } = await upgrade('echo', lines, first);
    socket.write(second);
    const { rest } = await received.behindHead(first.length + second.length);
    t.ok(rest.equals(Buffer.concat([first, second])));
    socket.end();
    await received.ended;
    t.equal((await received.behindHead(0)).rest.length, first.length + second.length);
  });

  t.test(`${name}: B17 bytes in the same packet as the answer's head: once, in order`, async (t) => {
    const { received, socket } = await upgrade('early-bytes', lines, 'and mine');
    const { rest } = await received.behindHead(EARLY_BYTES.length + 8);
    t.equal(rest.toString(), `${EARLY_BYTES}and mine`);
    socket.end();
    await received.ended;
    t.equal((await received.behindHead(0)).rest.toString(), `${EARLY_BYTES}and mine`);
  });

  t.test(`${name}: the client ends its half and still gets all that follows`, async (t) => {
    const { received, socket } = await upgrade('half-close', lines);
    await received.behindHead(0);
    socket.end(Buffer.alloc(300_000, 'x'));
    await received.ended;
    t.equal((await received.behindHead(0)).rest.toString(), 'received 300000 bytes');
  });

  t.test(`${name}: the API server ends its half and still gets all that follows`, async (t) => {
    const { received, socket, path } = await upgrade('server-ends-first', lines);
    await received.ended;
    t.equal((await received.behindHead(0)).rest.toString(), 'bye');
    socket.end(Buffer.alloc(200_000, 'x'));
    const record = await arrival(relayed, path);
    await record.closed;
    t.equal(record.upgradeBytes, 200_000);
  });

  t.test(`${name}: a refusal is passed on with its body, its connection closed`, async (t) => {
    for (const code of [400, 403, 404, 500]) {
      const { received, path } = await upgrade(`refuse-${code}`, lines);
      await received.ended;
      const { head, rest } = await received.behindHead(0);
      t.equal(statusOf(head), code);
      t.match(head, /\r\nAudit-Id: echo\r\n/);
      t.match(JSON.parse(rest.toString()) as object, { kind: 'Status', reason: 'Forbidden' });
      await (await arrival(relayed, path)).closed;
    }
  });

  t.test(`${name}: an API server that is gone after the 101 holds nobody and nothing`, async (t) => {
    const { received, socket } = await upgrade('die-after-101', lines);
    await received.ended;
    t.equal((await received.behindHead(0)).rest.toString(), 'partial');
    await new Promise<void>((resolve) => {
      socket.once('close', resolve);
      socket.end(Buffer.alloc(3_000_000), resolve);
    });
    socket.destroy();
    await noStreams();
  });

  t.test(`${name}: no answer at all is a Status`, async (t) => {
    const died = await upgrade('die', lines);
    await died.received.ended;
    t.match(died.received.bytes.toString(), /^HTTP\/1\.1 502 .*"kind":"Status".*ERR_API_SERVER/s);
    const late = await upgrade('hang', lines);
    await late.received.ended;
    t.match(late.received.bytes.toString(), /^HTTP\/1\.1 504 .*ERR_UPSTREAM_TIMEOUT/s);
    await (await arrival(relayed, late.path)).closed;
  });
}

t.test(
  'B16 a 101 with a wrong accept key, or none, is a 502 Status and its connection is closed',
  async (t) => {
    for (const mode of ['bad-accept', 'no-accept', 'wrong-protocol', 'no-upgrade-header']) {
      const { received, path } = await upgrade(mode, WEBSOCKET);
      await received.ended;
      const { head, rest } = await received.behindHead(0);
      t.equal(statusOf(head), 502, mode);
      t.match(JSON.parse(rest.toString()) as object, {
        kind: 'Status',
        details: { causes: [{ reason: 'ERR_BAD_UPGRADE' }] },
      });
      await (await arrival(relayed, path)).closed;
    }
  },
);

t.test(
  'a reader who stops costs the API server no more than windows, and gets all bytes later',
  async (t) => {
    const bytes = randomBytes(8_000_000);
    const { received, socket, path } = await upgrade('echo', SPDY);
    await received.behindHead(0);
    socket.pause();
    socket.write(bytes);
    const record = await arrival(relayed, path);
    let seen = -1;
    while (record.upgradeBytes !== seen || seen === 0) {
      seen = record.upgradeBytes;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    t.ok(seen < bytes.length * 2, `${seen} bytes went up`);
    socket.resume();
    const { rest } = await received.behindHead(bytes.length);
    t.ok(rest.equals(bytes));
    socket.destroy();
    await record.closed;
  },
);
