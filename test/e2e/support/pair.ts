/** The same thing done on both sides, each in a namespace of its own, and what it gave made comparable. */

import { kubectl, kubectlOk, type KubectlOptions, type KubectlResult } from '@fairlead/testbed/cluster/index';
import type { EndToEnd, Side } from './stage.ts';

/** What tap gives a test, as far as it is used here. */
export interface Asserts {
  same(found: unknown, wanted: unknown, message: string): boolean;
  equal(found: unknown, wanted: unknown, message: string): boolean;
}

export interface Compared {
  stdout: string;
  stderr: string;
  code: number | null;
}

export interface CompareOptions {
  env?: Record<string, string>;
  input?: string;
  cwd?: string;
  timeoutMs?: number;
  /** Applied to the output of both after {@link normalise}. */
  also?: (text: string) => string;
  /** The exit code that both must have; default 0. */
  code?: number;
}

/**
 * kubectl's own race, straight or not: it reads from its WebSocket before it has made the streams, and drops what comes
 * by then. Such a run says nothing of the way there, and is done again.
 */
const ownRace = /Unknown stream id \d+, discarding message/;
const MAX_RACES = 5;

/** One side of a {@link Pair}. */
export interface Lane {
  side: Side;
  /** The same length on both sides, so that columns of tables stay where they are. */
  namespace: string;
  /** Runs kubectl in the namespace. */
  run(args: string[], options?: KubectlOptions): Promise<KubectlResult>;
  ok(args: string[], options?: KubectlOptions): Promise<string>;
}

export class Pair {
  readonly direct: Lane;
  readonly relayed: Lane;

  private constructor(direct: Lane, relayed: Lane) {
    this.direct = direct;
    this.relayed = relayed;
  }

  /** Makes the namespaces `ns-d-<id>` and `ns-r-<id>`, and waits until pods can run in them. */
  static async create(all: EndToEnd, id: string, options: KubectlOptions): Promise<Pair> {
    const direct = lane(all.direct, `ns-d-${id}`, options);
    const relayed = lane(all.relayed, `ns-r-${id}`, options);
    for (const { namespace } of [direct, relayed]) {
      const wait = ['wait', '-n', namespace, 'serviceaccount/default', '--for=create', '--timeout=30s'];
      await kubectlOk(all.cluster.kubeconfig, ['create', 'namespace', namespace]);
      await kubectlOk(all.cluster.kubeconfig, wait);
    }
    return new Pair(direct, relayed);
  }

  /** Ends the pods, as each costs memory while the tests go on. */
  async remove(): Promise<void> {
    await this.direct.ok(['delete', 'pods', '--all', '--wait=false']);
    await this.relayed.ok(['delete', 'pods', '--all', '--wait=false']);
  }

  /** Does something on both sides at the same time. */
  both<T>(work: (lane: Lane) => Promise<T>): Promise<[T, T]> {
    return Promise.all([work(this.direct), work(this.relayed)]);
  }

  /**
   * Runs the same kubectl on both sides and wants the same output and exit code. The output, normalised, is returned for
   * what else must hold.
   */
  async compare(
    t: Asserts,
    name: string,
    args: string[] | ((lane: Lane) => string[]),
    options: CompareOptions = {},
  ): Promise<Compared> {
    const [direct, relayed] = await this.both(async (lane) => {
      const words = typeof args === 'function' ? args(lane) : args;
      return comparable(await lane.run(words, given(options)), options);
    });
    t.same(relayed, direct, `${name}: the same through the relay`);
    t.equal(relayed.code, options.code ?? 0, `${name}: exit code`);
    return relayed;
  }
}

function given(options: CompareOptions): KubectlOptions {
  const { env, input, cwd, timeoutMs } = options;
  return {
    ...(env === undefined ? {} : { env }),
    ...(input === undefined ? {} : { input }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function lane(side: Side, namespace: string, base: KubectlOptions): Lane {
  const all = (options: KubectlOptions = {}): KubectlOptions => ({
    ...base,
    ...options,
    env: { ...base.env, ...options.env },
  });
  const words = (args: string[]): string[] => ['-n', namespace, ...args];
  return {
    side,
    namespace,
    run: async (args, options) => {
      for (let again = 0; ; again++) {
        const result = await kubectl(side.kubeconfig, words(args), all(options));
        if (!ownRace.test(result.stderr) || again === MAX_RACES) return result;
      }
    },
    ok: async (args, options) => (await kubectlOk(side.kubeconfig, words(args), all(options))).stdout,
  };
}

function comparable(result: KubectlResult, options: CompareOptions): Compared {
  const also = options.also ?? ((text: string) => text);
  return {
    stdout: also(normalise(result.stdout)),
    stderr: also(normalise(result.stderr)),
    code: result.code,
  };
}

/** What may differ between two runs, each with the name it gets; in this order. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^([EWIF])\d{4} [\d:.]+ +\d+ /gm, '$1 '], // head of a line of kubectl's log
  [/https:\/\/127\.0\.0\.1:\d+\/clusters\/demo/g, 'SERVER'],
  [/https:\/\/127\.0\.0\.1:\d+/g, 'SERVER'],
  [/\b127\.\d+\.\d+\.\d+(:\d+)?\b/g, 'ADDRESS'],
  [/\b10\.\d+\.\d+\.\d+\b/g, 'ADDRESS'],
  [/\bns-[dr]-/g, 'ns-'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'UUID'],
  [/\b[0-9a-f]{64}\b/g, 'ID'],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| [+-]\d{4})?/g, 'TIME'],
  [/(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME'],
  [/(resourceVersion"?: ?"?)\d+/g, '$1VERSION'],
  [/("continue":")[^"]+/g, '$1TOKEN'],
  [/\/tmp\/(LIVE|MERGED)-\d+/g, '/tmp/$1'],
  [/\b(\d+[dhms]){1,2}\b/g, 'AGE'],
  [/ {2,}/g, '  '], // widths of columns follow from what was in them
];

/** Output without ids, times, addresses and the namespace's half of the pair. */
export function normalise(text: string): string {
  let plain = text;
  for (const [pattern, name] of NAMES) plain = plain.replace(pattern, name);
  return plain;
}
