/** Fetches a small JSON document from an issuer: no redirect, no compression, bounded in size and time. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { IdentityError } from './errors.ts';

export interface FetchLimits {
  /** Whole exchange, connection included. */
  timeoutMs: number;
  maxBytes: number;
}
export const FETCH_LIMITS: FetchLimits = { timeoutMs: 5_000, maxBytes: 512 * 1024 };

/** The connections to one issuer, with its own trust. */
export class IssuerClient {
  readonly #agent: Agent;
  readonly #limits: FetchLimits;

  /** Throws IdentityError ERR_IDENTITY_CONFIG if the CA file cannot be read. */
  constructor(caFile: string | undefined, limits: FetchLimits) {
    const ca = caFile === undefined ? {} : { ca: readPem(caFile) };
    this.#limits = limits;
    this.#agent = new Agent({
      connections: 2,
      keepAliveTimeout: 1_000,
      connect: { timeout: limits.timeoutMs, ...ca },
    });
  }

  /** The body as text. Throws IdentityError ERR_IDENTITY_ISSUER_UNAVAILABLE. */
  async get(url: URL): Promise<string> {
    try {
      const signal = AbortSignal.timeout(this.#limits.timeoutMs);
      const { statusCode, headers, body } = await request(url, {
        dispatcher: this.#agent,
        signal,
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      });
      try {
        // A redirect is an answer like any other that is not 200: the closed list of issuers names the places.
        if (statusCode !== 200) throw new Error(`status ${statusCode}`);
        const encoding = headers['content-encoding'] ?? 'identity';
        if (encoding !== 'identity') throw new Error('compressed body');
        return await readBounded(body, this.#limits.maxBytes);
      } finally {
        body.destroy();
        body.on('error', () => {}); // destroyed on purpose
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown error';
      throw new IdentityError('ERR_IDENTITY_ISSUER_UNAVAILABLE', `cannot fetch ${url.href}: ${why}`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

async function readBounded(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`body of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readPem(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('no PEM certificate in it');
    return pem;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown error';
    throw new IdentityError('ERR_IDENTITY_CONFIG', `CA file ${path}: ${why}`, { cause: error });
  }
}
