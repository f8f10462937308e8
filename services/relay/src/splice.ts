/** After a 101: the caller's socket and the stream, joined byte for byte, each direction with its own end. */

import type { Socket } from 'node:net';
import { ResetCode, type Stream } from '@fairlead/tunnel';

/** `first` are bytes that came with the request's head; they are delivered once, before all others. */
export function splice(
  stream: Stream,
  socket: Socket,
  head: { status: number; message: string; headers: string[] },
  first: Buffer,
): void {
  if (socket.destroyed) {
    stream.reset(ResetCode.CANCEL, 'the caller went away');
    return;
  }
  socket.setNoDelay(true);
  socket.setTimeout(0);
  let owed = 0;
  stream.handler = {
    data: (chunk) => {
      if (socket.write(chunk)) stream.consumed(chunk.length);
      else owed += chunk.length;
    },
    end: () => socket.end(),
    reset: () => socket.destroy(),
    writable: () => socket.resume(),
  };
  socket.on('drain', () => {
    const bytes = owed;
    owed = 0;
    if (bytes > 0) stream.consumed(bytes);
  });
  socket.write(headBytes(head));
  if (first.length > 0 && !stream.write(first)) socket.pause();
  socket.on('data', (chunk: Buffer) => {
    if (!stream.closed && !stream.write(chunk)) socket.pause();
  });
  socket.once('end', () => {
    if (!stream.closed) stream.end();
  });
  socket.once('close', () => {
    const bytes = owed;
    owed = 0;
    if (stream.closed) return;
    if (!socket.readableEnded || !socket.writableFinished || socket.errored) {
      stream.reset(ResetCode.CANCEL, 'the caller went away');
    } else if (bytes > 0) stream.consumed(bytes); // no `drain` follows the end of a socket
  });
  socket.resume();
}

function headBytes({
  status,
  message,
  headers,
}: {
  status: number;
  message: string;
  headers: string[];
}): Buffer {
  let text = `HTTP/1.1 ${status} ${message || 'Switching Protocols'}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}
