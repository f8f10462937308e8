/** The demo's command line, as in the contract. */

import { parseArgs } from 'node:util';
import { resolve } from 'node:path';

export interface DemoOptions {
  /** End after the walk; the exit code says whether each step gave what it must. */
  check: boolean;
  /** Directory for the demo's files; made, and kept afterwards, when given. */
  state: string | undefined;
  agents: number;
  /** An existing cluster instead of a new one. */
  kubeconfig: string | undefined;
  context: string | undefined;
}

export class UsageError extends Error {}

export const USAGE = `usage: npm run demo [-- options]
  --check              walk through, then end; exit 0 only if each step gave what it must
  --state DIR          keep the demo's files in DIR, and write DIR/demo.json when all is up
  --agents M           M agents for the cluster (default 1)
  --kubeconfig FILE    use an existing cluster   [--context C]
`;

/** Throws UsageError. */
export function parseDemoOptions(args: string[]): DemoOptions | 'help' {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        check: { type: 'boolean', default: false },
        state: { type: 'string' },
        relays: { type: 'string', default: '1' },
        agents: { type: 'string', default: '1' },
        kubeconfig: { type: 'string' },
        context: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values['help'] === true) return 'help';
  const agents = Number(values['agents']);
  if (!Number.isInteger(agents) || agents < 1 || agents > 16)
    throw new UsageError('--agents takes a number from 1 to 16');
  if (values['relays'] !== '1') {
    throw new UsageError('--relays takes only 1 so far: routing between relays is not built yet');
  }
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const path = (name: string): string | undefined =>
    text(name) === undefined ? undefined : resolve(text(name) ?? '');
  return {
    check: values['check'] === true,
    state: path('state'),
    agents,
    kubeconfig: path('kubeconfig'),
    context: text('context'),
  };
}
