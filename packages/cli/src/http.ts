// HTTP to relays and issuers with undici, trusting the usual roots and the CA the user named.
import tls from 'node:tls';
import { Agent, fetch, request } from 'undici';

/** Roots to trust: Node's own (with NODE_EXTRA_CA_CERTS) plus a CA of ours; undefined means Node's own. */
export function trusted(ca: string | undefined): string[] | undefined {
  return ca === undefined ? undefined : [...tls.getCACertificates('default'), ca];
}

export interface HttpClient extends AsyncDisposable {
  /** One request. fetch() would refuse ports that browsers block, and a relay may be on one. */
  send(
    method: string,
    url: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<{ status: number; text: string }>;
  /** undici's fetch with our CA and limits of time; redirects are not followed. */
  fetch: typeof fetch;
}

/** A client for one command; dispose it so that the process can end. */
export function httpClient(ca: string | undefined): HttpClient {
  const roots = trusted(ca);
  const dispatcher = new Agent({
    connect: { timeout: 10_000, ...(roots && { ca: roots }) },
    headersTimeout: 20_000,
    bodyTimeout: 20_000,
  });
  return {
    send: async (method, url, headers, body) => {
      const response = await request(url, {
        method,
        headers,
        dispatcher,
        ...(body !== undefined && { body }),
      });
      return { status: response.statusCode, text: await response.body.text() };
    },
    fetch: (input, init) => fetch(input, { ...init, dispatcher, redirect: 'manual' }),
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}
