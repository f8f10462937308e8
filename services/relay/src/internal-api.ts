/** The internal listener: `/livez`, `/readyz`, `/metrics`. */

import { createServer, type Server } from 'node:http';
import type { Metrics } from './metrics.ts';

/** `draining` turns readiness off; a dependency that is down never does, since local links go on. */
export function internalServer(metrics: Metrics, draining: () => boolean): Server {
  return createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const answer = (status: number, body: string, type = 'text/plain'): void => {
      response.writeHead(status, { 'content-type': type });
      response.end(body);
    };
    if (path === '/livez') answer(200, 'ok\n');
    else if (path === '/readyz') answer(draining() ? 503 : 200, draining() ? 'draining\n' : 'ok\n');
    else if (path === '/metrics') {
      metrics.registry.metrics().then(
        (text) => answer(200, text, metrics.registry.contentType),
        () => answer(500, 'cannot read the metrics\n'),
      );
    } else answer(404, 'not found\n');
  });
}
