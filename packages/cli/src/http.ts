// HTTP to relays and issuers with undici, trusting the usual roots and the CA the user named.
import tls from 'node:tls';
import { Agent, fetch } from 'undici';

/** Roots to trust: Node's own (with NODE_EXTRA_CA_CERTS) plus a CA of ours; undefined means Node's own. */
export function trusted(ca: string | undefined): string[] | undefined {
  return ca === undefined ? undefined : [...tls.getCACertificates('default'), ca];
}

export interface HttpClient extends AsyncDisposable {
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
    fetch: (input, init) => fetch(input, { ...init, dispatcher, redirect: 'manual' }),
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}
