/** Preloaded into services of the demo: their standard input ends when the demo is gone, however it went, and so do they. */

process.stdin.resume();
process.stdin.once('close', () => process.kill(process.pid, 'SIGKILL'));
