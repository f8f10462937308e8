/** Agents' links: proof of possession, then a tunnel that is found by its cluster's name. */

import { randomBytes } from 'node:crypto';
import type { AgentKeyRecord, LinkTable, Registry } from '@fairlead/directory';
import {
  CLOSE_REFUSED,
  EnrolmentError,
  MAX_HANDSHAKE_BYTES,
  parseClusterFacts,
  parseProof,
  verifyLink,
  type ClusterFacts,
} from '@fairlead/enrolment';
import type { WebSocket } from '@fastify/websocket';
import { Link, wsTransport, type MemoryBudget } from '@fairlead/tunnel';
import type { Logger } from 'pino';

const PROOF_TIMEOUT_MS = 10_000;

export interface AgentLinksOptions {
  registry: Registry;
  links: LinkTable<Link>;
  budget: MemoryBudget;
  software: string;
  /** Names that an agent may have dialled; a proof for another relay is refused. */
  isOwnHost(host: string): boolean;
  log: Logger;
}

export class AgentLinks {
  readonly #options: AgentLinksOptions;
  readonly #facts = new Map<string, ClusterFacts>();

  constructor(options: AgentLinksOptions) {
    this.#options = options;
  }

  /** The newest facts of a cluster's agents, from links that proved to be that cluster's. */
  facts(cluster: string): ClusterFacts | undefined {
    return this.#facts.get(cluster);
  }

  /** Ends every link of a cluster and forgets what its agents said. */
  forget(cluster: string, reason: string): void {
    this.#facts.delete(cluster);
    for (const link of this.#options.links.of(cluster)) link.terminate(reason);
  }

  /** Takes an open WebSocket of somebody who says to be an agent. */
  accept(socket: WebSocket): void {
    const nonce = randomBytes(32).toString('base64url');
    const timer = setTimeout(() => socket.close(1008, 'no proof in time'), PROOF_TIMEOUT_MS);
    socket.on('error', () => socket.terminate());
    socket.once('close', () => clearTimeout(timer));
    socket.once('message', (data: Buffer, isBinary: boolean) => {
      clearTimeout(timer);
      const key = this.#prove(socket, nonce, isBinary ? undefined : data);
      if (key === undefined) return;
      this.#open(socket, key).catch((error: unknown) => {
        this.#options.log.warn({ cluster: key.cluster, error: (error as Error).message }, 'link failed');
        socket.terminate();
      });
    });
    socket.send(JSON.stringify({ type: 'challenge', nonce, relay: this.#options.software }));
  }

  /** The key that this agent has proved to hold; otherwise the socket is closed with the reason. */
  #prove(socket: WebSocket, nonce: string, data: Buffer | undefined): AgentKeyRecord | undefined {
    const { registry, isOwnHost, log } = this.#options;
    const refuse = (why: string): undefined => {
      log.warn({ why }, 'link refused');
      socket.close(CLOSE_REFUSED, why);
      return undefined;
    };
    if (!data || data.length > MAX_HANDSHAKE_BYTES) return refuse('the proof is malformed');
    try {
      const { keyId, instance, audience, signature } = parseProof(data.toString());
      const key = registry.agentKey(keyId);
      if (!key || key.revoked)
        return refuse('this agent key is not enrolled here; enrol again with a new join token');
      if (!isOwnHost(audience))
        return refuse(`the agent dialled '${audience.slice(0, 60)}', which is no name of this relay`);
      if (!verifyLink(key.publicKey, { nonce, keyId, instance, audience }, signature)) {
        return refuse('the proof of possession does not hold');
      }
      return key;
    } catch (error) {
      if (error instanceof EnrolmentError) return refuse('the proof is malformed');
      // Not the agent's fault (storage): it may come back, so this is no refusal for good.
      log.error({ error: (error as Error).message }, 'cannot check a proof');
      socket.close(1011, 'the relay cannot check the proof now');
      return undefined;
    }
  }

  /** Whether a key that has proved itself is still what it was: clusters and keys go while a link comes up. */
  #stillEnrolled({ keyId, cluster }: AgentKeyRecord): boolean {
    const key = this.#options.registry.agentKey(keyId);
    return key !== undefined && !key.revoked && key.cluster === cluster;
  }

  async #open(socket: WebSocket, key: AgentKeyRecord): Promise<void> {
    const { cluster } = key;
    const { links, budget, software, log } = this.#options;
    socket.send(JSON.stringify({ type: 'accepted', cluster }));
    let link: Link | undefined;
    link = await Link.connect(wsTransport(socket), {
      role: 'acceptor',
      software,
      budget,
      onInfo: (info) => {
        if (this.#stillEnrolled(key)) this.#takeFacts(cluster, info);
      },
      onClose: (end) => {
        if (link) links.remove(cluster, link);
        if (links.count(cluster) === 0) this.#facts.delete(cluster);
        log.info({ cluster, link: link?.id, why: end.message }, 'link down');
      },
    });
    if (link.closed) return;
    if (!this.#stillEnrolled(key)) {
      link.terminate('the agent key is not enrolled any more');
      return;
    }
    links.add(cluster, link);
    log.info({ cluster, link: link.id, agent: link.peer.software }, 'link up');
  }

  #takeFacts(cluster: string, info: unknown): void {
    try {
      const facts = parseClusterFacts(info);
      // The same keys again must stay the same object: verified tokens are cached by it.
      const known = this.#facts.get(cluster);
      if (known && JSON.stringify(known) === JSON.stringify(facts)) return;
      this.#facts.set(cluster, facts);
    } catch (error) {
      this.#options.log.warn({ cluster, error: (error as Error).message }, 'facts refused');
    }
  }
}
