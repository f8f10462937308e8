/** Figures of a run: every round kept, the median told. */

import type { Figures } from './scenarios.ts';

/** Medians: scenario, path, figure. */
export type Results = Record<string, Record<string, Figures>>;

export class Rounds {
  readonly #taken = new Map<string, Map<string, Figures[]>>();

  add(scenario: string, path: string, figures: Figures): void {
    const paths = this.#taken.get(scenario) ?? new Map<string, Figures[]>();
    this.#taken.set(scenario, paths);
    paths.set(path, [...(paths.get(path) ?? []), figures]);
  }

  medians(): Results {
    return this.#each((rounds) =>
      Object.fromEntries(
        Object.keys(rounds[0] ?? {}).map((figure) => [
          figure,
          median(rounds.map((round) => round[figure] ?? 0)),
        ]),
      ),
    );
  }

  all(): Record<string, Record<string, Figures[]>> {
    return this.#each((rounds) => rounds);
  }

  #each<T>(map: (rounds: Figures[]) => T): Record<string, Record<string, T>> {
    return Object.fromEntries(
      [...this.#taken].map(([scenario, paths]) => [
        scenario,
        Object.fromEntries([...paths].map(([path, rounds]) => [path, map(rounds)])),
      ]),
    );
  }
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
