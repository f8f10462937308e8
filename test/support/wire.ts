/** Requests byte by byte, for what no client library sends, and what of them reached the API server. */

import type { Link } from '@fairlead/tunnel';
import type { RecordedRequest } from '@fairlead/testbed/echo-api-server';
import { mint, type Relayed } from './relayed.ts';

let count = 0;

/** A path that no other request of this process has. */
export function mark(): string {
  count += 1;
  return `/marked-${count}`;
}

export interface HeadOptions {
  method?: string;
  version?: string;
  token?: string | null;
  host?: string;
  /** Whole header lines, without their line ends. */
  lines?: string[];
  body?: string;
}

/** A request to cluster `demo` as text. */
export function requestText(path: string, options: HeadOptions = {}): string {
  const { method = 'GET', token = mint(), host = 'localhost', lines = [], body = '' } = options;
  const head = [`${method} /clusters/demo${path} HTTP/1.1`, `Host: ${host}`];
  if (token !== null) head.push(`Authorization: Bearer ${token}`);
  return `${[...head, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** Sends bytes and returns all that comes back until the relay closes the connection, `done` says it is enough, or time is up. */
export async function exchange(
  relayed: Relayed,
  bytes: string | Buffer,
  done: (text: string) => boolean = () => false,
  withinMs?: number,
): Promise<string> {
  const socket = await relayed.raw();
  let text = '';
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (done(text)) resolve();
    });
    socket.on('error', () => resolve());
    socket.once('end', () => resolve());
    socket.once('close', () => resolve());
    if (withinMs !== undefined) setTimeout(resolve, withinMs);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
  socket.destroy();
  return text;
}

/** Status of the first answer in a text; 0 if there is none. */
export function statusOf(text: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
}

/** What reached the API server with this mark in its request line. */
export function arrived(relayed: Relayed, marked: string): RecordedRequest[] {
  return relayed.api.requests.filter(({ url }) => new RegExp(`${marked}(?!\\d)`).test(url));
}

/** Resolves with the request of that mark as soon as it has reached the API server. */
export async function arrival(relayed: Relayed, marked: string): Promise<RecordedRequest> {
  for (;;) {
    const [first] = arrived(relayed, marked);
    if (first) return first;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Values by lower-case name, in order. */
export function headerMap(raw: readonly string[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    map.set(name, [...(map.get(name) ?? []), raw[i + 1] ?? '']);
  }
  return map;
}

/** Every header that some server could take for an impersonation, as `name: value`, name in lower case. */
export function impersonations(raw: readonly string[]): string[] {
  const found: string[] = [];
  for (const [name, values] of headerMap(raw)) {
    const loose = decodeURIComponent(name.replace(/%(?![0-9a-f]{2})/g, '%25')).toLowerCase();
    if (/impersonate/.test(loose)) found.push(...values.map((value) => `${name}: ${value}`));
  }
  return found;
}

/** What a relay that has turned hostile gets for this head from the agent: an answer's head, or a reset code. */
export function openRaw(relayed: Relayed, head: unknown): Promise<{ answered?: Buffer; reset?: number }> {
  const [link] = relayed.relay.links.of('demo') as readonly Link[];
  if (!link) throw new Error('no link');
  return new Promise((resolve) => {
    const meta = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head));
    link.open(
      meta,
      {
        head: (answered) => resolve({ answered }),
        data: () => {},
        end: () => {},
        reset: (code) => resolve({ reset: code }),
      },
      { end: true },
    );
  });
}
