/** Dials one link: WebSocket, proof of possession in two text messages, then the tunnel. */

import {
  audienceOf,
  CLOSE_REFUSED,
  MAX_HANDSHAKE_BYTES,
  parseAccepted,
  parseChallenge,
  signLink,
  type AgentKey,
} from '@fairlead/enrolment';
import { dialWebSocket, Link, wsTransport, type LinkOptions, type MessageTransport } from '@fairlead/tunnel';
import { AgentError } from './errors.ts';
import { unreachable } from './enrol.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;

type Socket = Awaited<ReturnType<typeof dialWebSocket>>;

export interface DialOptions {
  relayUrl: URL;
  relayCa: string | undefined;
  key: AgentKey;
  /** Names this process in the relay's list. */
  instance: string;
}

/** Rejects with AgentError; `retry` is false when the relay refuses this key for good. */
export async function dialLink(options: DialOptions, link: LinkOptions): Promise<Link> {
  const url = new URL('/agent/v1/link', options.relayUrl);
  url.protocol = 'wss:';
  let socket: Socket;
  try {
    socket = await dialWebSocket(url.href, {
      ...(options.relayCa === undefined ? {} : { ca: options.relayCa }),
      proxyEnv: process.env,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    });
  } catch (cause) {
    throw unreachable(options.relayUrl, cause as Error);
  }
  try {
    return await Link.connect(await prove(socket, options), link);
  } catch (error) {
    socket.terminate();
    throw error instanceof AgentError ? error : unreachable(options.relayUrl, error as Error);
  }
}

/** Resolves the tunnel's transport, made in the very turn of the last text message: binary ones may follow in the same packet. */
async function prove(socket: Socket, { key, relayUrl, instance }: DialOptions): Promise<MessageTransport> {
  const audience = audienceOf(relayUrl);
  const { nonce } = await nextText(socket, parseChallenge);
  const { keyId } = key;
  const signature = signLink(key, { nonce, keyId, instance, audience });
  const answer = nextText(socket, (text) => {
    parseAccepted(text);
    return wsTransport(socket);
  });
  socket.send(JSON.stringify({ type: 'proof', keyId, instance, audience, signature }));
  return await answer;
}

/** What `read` makes of the next text message, at once; or an AgentError when the relay closes or stays silent. */
function nextText<T>(socket: Socket, read: (text: string) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => done(new AgentError('ERR_AGENT_RELAY_UNREACHABLE', 'the relay is silent', { retry: true })),
      HANDSHAKE_TIMEOUT_MS,
    );
    const onMessage = (data: Buffer, isBinary: boolean): void => {
      if (isBinary || data.length > MAX_HANDSHAKE_BYTES) {
        done(new AgentError('ERR_AGENT_RELAY_UNREACHABLE', 'what answers at relay.url is no Fairlead relay'));
      } else {
        forget();
        try {
          resolve(read(data.toString()));
        } catch (error) {
          reject(error as Error);
        }
      }
    };
    const onClose = (code: number, reason: Buffer): void => {
      const refusedForGood = code === CLOSE_REFUSED;
      const text = `the relay closed the link: ${reason.toString() || `code ${code}`}`;
      done(
        new AgentError(refusedForGood ? 'ERR_AGENT_LINK_REFUSED' : 'ERR_AGENT_RELAY_UNREACHABLE', text, {
          retry: !refusedForGood,
        }),
      );
    };
    const onError = (error: Error): void =>
      done(new AgentError('ERR_AGENT_RELAY_UNREACHABLE', error.message, { retry: true }));
    const forget = (): void => {
      clearTimeout(timer);
      socket.off('message', onMessage);
      socket.off('close', onClose);
      socket.off('error', onError);
    };
    const done = (error: AgentError): void => {
      forget();
      reject(error);
    };
    socket.on('message', onMessage);
    socket.on('close', onClose);
    socket.on('error', onError);
  });
}
