// Free ports for programs that cannot choose one themselves.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below what systems hand out to outgoing connections, so that none of those takes a port between the test and the use.
const lowest = 20_000;
const highest = 32_000;
const tries = 200;

/** Ports of 127.0.0.1 on which nothing listens, each another. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let i = 0; i < tries && found.size < count; i += 1) {
    const port = randomInt(lowest, highest);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count)
    throw new Error(`no ${count} free ports between ${lowest} and ${highest} on 127.0.0.1`);
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}
