// The process behind bin/fairlead.
import { processIo } from './io.ts';
import { run } from './run.ts';

const stop = new AbortController();
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    signals += 1;
    // proxy and login end by themselves; who asks twice, or waits for anything else, ends now.
    if (signals > 1 || !['proxy', 'login'].includes(process.argv[2] ?? ''))
      process.exit(signal === 'SIGINT' ? 130 : 143);
    stop.abort();
  });
}
// `fairlead clusters list | head` closes our output early: no reason to complain.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exitCode = await run(processIo(stop.signal), process.argv.slice(2));
