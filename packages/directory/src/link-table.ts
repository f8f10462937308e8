/** Which links of which cluster this relay holds, and which of them a request takes. */

export interface RoutableLink {
  /** Streams open now. */
  readonly streams: number;
  /** True once one end has said GOAWAY. */
  readonly draining: boolean;
}

export class LinkTable<L extends RoutableLink> {
  readonly #links = new Map<string, Set<L>>();

  add(cluster: string, link: L): void {
    const links = this.#links.get(cluster);
    if (links) links.add(link);
    else this.#links.set(cluster, new Set([link]));
  }

  remove(cluster: string, link: L): void {
    const links = this.#links.get(cluster);
    if (links?.delete(link) && links.size === 0) this.#links.delete(cluster);
  }

  /** The least loaded link that is not draining, or undefined. */
  pick(cluster: string): L | undefined {
    let best: L | undefined;
    for (const link of this.#links.get(cluster) ?? []) {
      if (!link.draining && (best === undefined || link.streams < best.streams)) best = link;
    }
    return best;
  }

  /** All links of a cluster, draining ones too. */
  of(cluster: string): readonly L[] {
    return [...(this.#links.get(cluster) ?? [])];
  }

  count(cluster: string): number {
    return this.#links.get(cluster)?.size ?? 0;
  }

  *all(): Generator<L> {
    for (const links of this.#links.values()) yield* links;
  }
}
