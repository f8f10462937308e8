// Dials a WebSocket, by way of an egress proxy where the environment names one.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { WebSocket } from 'ws';
import { TunnelError } from './errors.ts';
import { DEFAULT_LIMITS } from './limits.ts';

export interface DialOptions {
  headers?: Record<string, string>;
  /** PEM of the authorities to trust instead of the built-in ones. */
  ca?: string | Buffer;
  /** Egress proxy, as in the environment; nothing is read from the environment here. */
  proxyEnv?: { HTTPS_PROXY?: string; HTTP_PROXY?: string; NO_PROXY?: string };
  /** Default 10 s: proxy, TLS and upgrade together. */
  handshakeTimeoutMs?: number;
  /** Longest message accepted; default the link's. */
  maxMessageBytes?: number;
}

/**
 * Resolves with an open WebSocket (no compression, finite maxPayload); its first message comes a turn later.
 * Rejects with TunnelError ERR_TUNNEL_DIAL, in whose text no credential of the proxy appears.
 */
export async function dialWebSocket(url: string | URL, options: DialOptions = {}): Promise<WebSocket> {
  const target = new URL(url);
  const timeout = options.handshakeTimeoutMs ?? DEFAULT_LIMITS.handshakeTimeoutMs;
  const secure = target.protocol === 'wss:';
  const agentOptions = {
    ...(options.proxyEnv === undefined ? {} : { proxyEnv: options.proxyEnv }),
    keepAlive: false,
  };
  const agent = secure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const ws = new WebSocket(target, {
    agent,
    perMessageDeflate: false,
    maxPayload: options.maxMessageBytes ?? DEFAULT_LIMITS.maxMessageBytes,
    handshakeTimeout: timeout,
    followRedirects: false,
    ...(options.headers === undefined ? {} : { headers: options.headers }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  return await new Promise<WebSocket>((resolve, reject) => {
    const fail = (text: string, cause?: unknown): void => {
      clearTimeout(timer);
      reject(new TunnelError('ERR_TUNNEL_DIAL', redact(`${target.host}: ${text}`, options), { cause }));
      ws.on('error', () => {});
      ws.terminate();
    };
    const timer = setTimeout(() => fail(`no connection within ${timeout} ms`), timeout);
    ws.once('open', () => {
      clearTimeout(timer);
      ws.removeAllListeners('error');
      ws.removeAllListeners('unexpected-response');
      ws.on('error', () => {});
      // A message right behind the 101 waits until whoever awaits this promise has had a turn to listen.
      ws.pause();
      setImmediate(() => ws.resume());
      resolve(ws);
    });
    ws.once('unexpected-response', (request, response) => {
      request.destroy();
      fail(`answered ${response.statusCode ?? 0} ${response.statusMessage ?? ''}`.trim());
    });
    ws.once('error', (error: NodeJS.ErrnoException) => {
      // The cause keeps its code (an untrusted certificate, a refused connection) and loses what must not be shown.
      const cause = Object.assign(new Error(redact(error.message, options)), { code: error.code });
      fail(error.message, cause);
    });
  });
}

/** Removes user and password of the configured proxies from a text. */
function redact(text: string, options: DialOptions): string {
  let out = text.replace(/\/\/[^/@\s]*@/g, '//***@');
  for (const value of [options.proxyEnv?.HTTPS_PROXY, options.proxyEnv?.HTTP_PROXY]) {
    if (value === undefined || !URL.canParse(value)) continue;
    const { username, password } = new URL(value);
    for (const secret of [username, password, decodeURIComponent(password)]) {
      if (secret !== '') out = out.replaceAll(secret, '***');
    }
  }
  return out;
}
