/** The agent as a whole: key, links, requests, facts, health; started and stopped as one. */

import { randomBytes } from 'node:crypto';
import type { ClusterFacts } from '@fairlead/enrolment';
import { MemoryBudget, type Link } from '@fairlead/tunnel';
import type { Logger } from 'pino';
import type { AgentConfig } from './config.ts';
import { dialLink } from './dial.ts';
import { agentKey } from './enrol.ts';
import { AgentError } from './errors.ts';
import { clusterFacts } from './facts.ts';
import { startHealth, type Health } from './health.ts';
import { LinkKeeper } from './link-keeper.ts';
import { ServiceAccountToken } from './service-account-token.ts';
import { ApiServer } from './serve.ts';

export const SOFTWARE = 'fairlead-agent/0.1.0';
const BUDGET_BYTES = 512 * 1024 * 1024;
const FACTS_EVERY_MS = 30_000;
const ENROL_RETRY_MS = 2000;

export interface Agent {
  healthPort: number;
  stop(reason: string): Promise<void>;
}

/**
 * Enrols if need be (again and again while waiting can help), then holds links until stopped.
 * Throws ConfigError or AgentError when it cannot start; `onFatal` gets what ends it later.
 */
export async function startAgent(
  config: AgentConfig,
  log: Logger,
  onFatal: (error: AgentError) => void,
): Promise<Agent> {
  const health: Health = await startHealth(config.health, () => ready());
  let keeper: LinkKeeper | undefined;
  const ready = (): boolean => (keeper?.connected ?? 0) > 0;
  const api = new ApiServer(
    {
      ...config.apiServer,
      connectTimeoutMs: config.connectTimeoutMs,
      responseTimeoutMs: config.responseTimeoutMs,
    },
    new ServiceAccountToken(config.apiServer.tokenFile),
    log,
  );
  try {
    const key = await enrolled(config, log);
    const facts = new FactsPublisher(api, log, () => keeper?.links() ?? []);
    const budget = new MemoryBudget(BUDGET_BYTES);
    const instance = randomBytes(9).toString('base64url');
    keeper = new LinkKeeper(
      async (events) => {
        const link = await dialLink(
          { relayUrl: config.relayUrl, relayCa: config.relayCa, key, instance },
          {
            role: 'dialer',
            software: SOFTWARE,
            budget,
            onStream: (stream) => api.serve(stream, !stream.openedEnded),
            onDrain: events.drain,
            onClose: (end) => events.close(end.message),
          },
        );
        facts.publishTo(link);
        return link;
      },
      log,
      onFatal,
    );
    keeper.start(config.links);
    const held = keeper;
    return {
      healthPort: health.port,
      stop: async (reason) => {
        facts.stop();
        held.stop(reason);
        await Promise.all([health.close(), api.close()]);
      },
    };
  } catch (error) {
    await Promise.all([health.close(), api.close()]);
    throw error;
  }
}

async function enrolled(config: AgentConfig, log: Logger): ReturnType<typeof agentKey> {
  for (;;) {
    try {
      return await agentKey(config);
    } catch (error) {
      if (!(error instanceof AgentError) || !error.retry) throw error;
      log.warn({ why: error.message, code: error.code }, 'enrolment will be tried again');
      await new Promise((resolve) => setTimeout(resolve, ENROL_RETRY_MS * (0.5 + Math.random() / 2)));
    }
  }
}

/** Sends the cluster's facts on each new link, and to all when they change. */
class FactsPublisher {
  readonly #api: ApiServer;
  readonly #log: Logger;
  readonly #links: () => Iterable<Link>;
  readonly #timer: NodeJS.Timeout;
  #facts: ClusterFacts | undefined;

  constructor(api: ApiServer, log: Logger, links: () => Iterable<Link>) {
    this.#api = api;
    this.#log = log;
    this.#links = links;
    this.#timer = setInterval(() => void this.#refresh(), FACTS_EVERY_MS);
  }

  publishTo(link: Link): void {
    if (this.#facts) this.#send(link, this.#facts);
    void this.#refresh(link);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Facts that a link cannot take are no reason to lose it. */
  #send(link: Link, facts: ClusterFacts): void {
    try {
      link.sendInfo(facts);
    } catch (error) {
      this.#log.warn({ link: link.id, error: (error as Error).message }, "cannot send the cluster's facts");
    }
  }

  async #refresh(newLink?: Link): Promise<void> {
    let facts: ClusterFacts;
    try {
      facts = await clusterFacts((path) => this.#api.getJson(path));
    } catch (error) {
      this.#log.warn(
        { error: (error as Error).message },
        "cannot read the cluster's issuer; service account tokens wait for it",
      );
      return;
    }
    const changed = JSON.stringify(facts) !== JSON.stringify(this.#facts);
    this.#facts = facts;
    const links = new Set(this.#links());
    if (newLink) links.add(newLink);
    for (const link of links) if ((changed || link === newLink) && !link.closed) this.#send(link, facts);
  }
}
