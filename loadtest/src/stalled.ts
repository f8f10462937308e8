/** A hundred callers who ask for long answers and never read them: what others feel, and what the relay keeps. */

import type { Driver, Path } from './driver.ts';
import { residentBytes } from './processes.ts';
import { checked, OBJECT, type Figures } from './scenarios.ts';

export const STALLED = 100;
/** The kernel's buffers fill first: until then the readers are only slow. */
const POLL_MS = 500;
const POLLS = 40;
const POLLS_WITHOUT_METRICS = 6;
const MAX_STALL_SECONDS = 60;

/**
 * `others*` are GETs at 200/s without and with the stalled readers; growth is of relay or front, in bytes;
 * `windowBytes` is what the relay holds unread: nothing being read, all of every window.
 */
export async function stalledReaders(driver: Driver, path: Path, seconds: number): Promise<Figures> {
  const pid = path.roles['relay'] ?? path.roles['front'] ?? 0;
  const others = () =>
    checked(driver, path, { mode: 'open', target: OBJECT, seconds, connections: 64, rate: 200 });
  const before = await others();
  const rssBefore = residentBytes(pid);
  const stall = driver.start(path, {
    mode: 'stall',
    target: `/bulk?bytes=${2 ** 35}`,
    connections: STALLED,
    seconds: MAX_STALL_SECONDS,
  });
  try {
    await stall.firstLine;
    await settled(path);
    const growth = residentBytes(pid) - rssBefore;
    const during = await others();
    return {
      othersP50Ms: before.p50Ms,
      othersP99Ms: before.p99Ms,
      p50Ms: during.p50Ms,
      p99Ms: during.p99Ms,
      windowBytes: await unreadBytes(path),
      growthBytes: Math.max(growth, residentBytes(pid) - rssBefore),
    };
  } finally {
    await stall.stop();
  }
}

async function unreadBytes({ metricsUrl }: Path): Promise<number> {
  if (metricsUrl === undefined) return 0;
  const text = await (await fetch(metricsUrl)).text();
  return Number(/^fairlead_relay_unread_bytes (\S+)$/m.exec(text)?.[1] ?? 0);
}

/** Resolves when the relay's unread bytes stand still, or after 20 s; for a path without a relay after 3 s. */
async function settled(path: Path): Promise<void> {
  let last = 0;
  for (let i = 0; i < (path.metricsUrl === undefined ? POLLS_WITHOUT_METRICS : POLLS); i++) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const unread = await unreadBytes(path);
    if (unread > 0 && unread === last) return;
    last = unread;
  }
}
