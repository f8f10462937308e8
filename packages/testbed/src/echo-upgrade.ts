// What the stand-in API server does with an upgrade: grant and echo raw bytes, or answer wrongly in a chosen way.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RecordedRequest } from './echo-api-server.ts';

/** Bytes that `/upgrade/early-bytes` sends in the same packet as the head of its 101. */
export const EARLY_BYTES = 'early bytes from the API server';

const REFUSAL = '{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}\n';

/**
 * - `echo`: 101, then every byte back; end answered by end
 * - `early-bytes`: as echo, with EARLY_BYTES right behind the head
 * - `half-close`: 101, reads until the client's end, then sends `received N bytes` and ends
 * - `server-ends-first`: 101, sends `bye`, ends its side, goes on reading
 * - `refuse-CODE`: an ordinary answer with that status and a Status body; the connection stays open
 * - `bad-accept`: 101 with a wrong Sec-WebSocket-Accept; `no-accept`: with none
 * - `wrong-protocol`: 101 with `Upgrade: something-else`; `no-upgrade-header`: 101 with none
 * - `die`: closes without an answer; `hang`: answers nothing; `die-after-101`: 101, `partial`, then the whole connection is gone
 */
export function answerUpgrade(
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
  record: RecordedRequest,
): void {
  socket.on('error', () => {});
  socket.setTimeout(0);
  socket.setNoDelay(true);
  const path = (req.url ?? '').split('?', 1)[0] ?? '';
  const mode = path.startsWith('/upgrade/') ? path.slice('/upgrade/'.length) : 'echo';
  const refusal = /^refuse-(\d{3})$/.exec(mode);
  if (refusal) return refuse(socket, Number(refusal[1]), head, record);
  if (mode === 'die') return void socket.destroy();
  const count = (chunk: Buffer): void => {
    record.upgradeBytes += chunk.length;
  };
  count(head);
  socket.on('data', count);
  if (mode === 'hang') return void socket.on('end', () => socket.end());
  socket.write(switching(req, mode) + (mode === 'early-bytes' ? EARLY_BYTES : ''), 'latin1');
  if (mode === 'die-after-101') return void socket.write('partial', () => socket.destroy());
  if (mode === 'server-ends-first') return void socket.end('bye');
  if (mode === 'half-close') {
    socket.on('end', () => socket.end(`received ${record.upgradeBytes} bytes`));
    return;
  }
  if (head.length > 0) socket.write(head);
  socket.on('data', (chunk: Buffer) => {
    if (!socket.write(chunk)) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  });
  socket.on('end', () => socket.end());
}

function switching(req: IncomingMessage, mode: string): string {
  const asked = String(req.headers.upgrade ?? '');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade'];
  if (mode === 'wrong-protocol') lines.push('Upgrade: something-else');
  else if (mode !== 'no-upgrade-header') lines.push(`Upgrade: ${asked}`);
  if (asked.toLowerCase() === 'websocket' && mode !== 'no-accept') {
    const key = mode === 'bad-accept' ? 'wrong' : (req.headers['sec-websocket-key'] ?? '');
    lines.push(`Sec-WebSocket-Accept: ${websocketAccept(key)}`);
    const protocol = String(req.headers['sec-websocket-protocol'] ?? '')
      .split(',')[0]
      ?.trim();
    if (protocol) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  }
  const versions = String(req.headers['x-stream-protocol-version'] ?? '')
    .split(',')[0]
    ?.trim();
  if (versions) lines.push(`X-Stream-Protocol-Version: ${versions}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** RFC 6455 section 4.2.2. */
export function websocketAccept(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Stays open afterwards, so that a test can see whether a second request reaches it over the same socket. */
function refuse(socket: Socket, code: number, head: Buffer, record: RecordedRequest): void {
  record.upgradeBytes += head.length;
  socket.on('data', (chunk: Buffer) => {
    record.upgradeBytes += chunk.length;
  });
  socket.on('end', () => socket.end());
  socket.write(
    `HTTP/1.1 ${code} Refused\r\nContent-Type: application/json\r\nContent-Length: ${REFUSAL.length}\r\nAudit-Id: echo\r\n\r\n${REFUSAL}`,
  );
  record.finished = true;
}
