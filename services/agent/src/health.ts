/** The agent's internal health listener: alive while it runs, ready only with a link up. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '@fairlead/config';

export interface Health {
  port: number;
  close(): Promise<void>;
}

/** Throws ConfigError when the address cannot be listened on. */
export async function startHealth(at: { host: string; port: number }, ready: () => boolean): Promise<Health> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const known = path === '/livez' || path === '/readyz';
    const ok = path === '/livez' || (path === '/readyz' && ready());
    response.writeHead(ok ? 200 : known ? 503 : 404, { 'content-type': 'text/plain' });
    response.end(ok ? 'ok\n' : known ? 'no link to the relay is up\n' : 'not found\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? 'is in use; choose another' : `cannot be used: ${error.message}`;
      reject(
        new ConfigError(
          'ERR_CONFIG_INVALID',
          [{ key: 'health.port', problem: `${at.host}:${at.port} ${why}` }],
          { cause: error },
        ),
      );
    });
    server.listen(at.port, at.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
