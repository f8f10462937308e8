/** What the relay counts, in Prometheus' format. No label without a bound. */

import { Counter, Gauge, Registry } from '@prometheus-io/client';

export class Metrics {
  readonly registry = new Registry();
  /** Requests for clusters under way. */
  readonly open: Gauge;
  readonly #requests: Counter<'code'>;

  /** The callbacks are asked at each scrape. */
  constructor(live: { links(): number; streams(): number; unreadBytes(): number }) {
    const registers = [this.registry];
    this.#requests = new Counter({
      name: 'fairlead_relay_requests_total',
      help: 'Requests for clusters that ended, by HTTP status; 0 where there was none.',
      labelNames: ['code'],
      registers,
    });
    this.open = new Gauge({
      name: 'fairlead_relay_requests_open',
      help: 'Requests for clusters under way.',
      registers,
    });
    const gauge = (name: string, help: string, read: () => number): Gauge =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    gauge('fairlead_relay_links', 'Links of agents that are up.', live.links);
    gauge('fairlead_relay_streams', 'Streams open on all links.', live.streams);
    gauge(
      'fairlead_relay_unread_bytes',
      'Bytes received from agents that callers have not taken yet.',
      live.unreadBytes,
    );
  }

  request(status: number | undefined): void {
    this.#requests.inc({ code: String(status ?? 0) });
  }
}
