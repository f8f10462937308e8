// Long hostile input costs time in proportion to its length, never its square.
import t from 'tap';
import {
  bearerToken,
  forwardRequestHeaders,
  impersonationHeaders,
  parseClusterTarget,
  requestInfo,
  rewriteLocation,
} from '../src/index.ts';

const LENGTH = 512 * 1024;
const rewrite = { prefix: '/clusters/a', ownHosts: ['h'] };

t.test('512 KiB of one piece repeated is read in far less than its square, everywhere', async (t) => {
  for (const piece of [
    ' ',
    '\t',
    '/',
    '.',
    '%2e',
    '%2f',
    ',',
    '=',
    '\\',
    '!',
    '&',
    ';',
    'a',
    '/.',
    './',
    'a,',
    '%',
    '@',
    ':',
  ]) {
    const long = piece.repeat(LENGTH / piece.length);
    const attempts: (() => unknown)[] = [
      () => bearerToken(['Authorization', `Bearer ${long}x`]),
      () => bearerToken(['Authorization', `${long}Bearer x`]),
      () => bearerToken(['Upgrade', 'websocket', 'Sec-WebSocket-Protocol', `${long}x`]),
      () => forwardRequestHeaders(['Connection', `${long}x`, `X${long}x`, 'a'], { maxBytes: 4 * LENGTH }),
      () =>
        forwardRequestHeaders(['Sec-WebSocket-Protocol', `base64url.bearer.authorization.k8s.io.${long}x`], {
          maxBytes: 4 * LENGTH,
        }),
      () => parseClusterTarget(`/clusters/a/${long}x`),
      () => parseClusterTarget(`/clusters/${long}x`),
      () => requestInfo('GET', `/api/v1/${long}x`),
      () => requestInfo('GET', `/api/v1/pods?fieldSelector=${long}x`),
      () => requestInfo('GET', `/api/v1/pods?${long}x`),
      () => rewriteLocation(`/${long}x`, rewrite),
      () => rewriteLocation(`//${long}x`, rewrite),
      () => rewriteLocation(`http://${long}x`, rewrite),
      () =>
        impersonationHeaders({
          kind: 'impersonate',
          user: `${long}x`,
          groups: [],
          extra: { [`a${long}x`]: ['v'] },
        }),
    ];
    for (const [index, attempt] of attempts.entries()) {
      const start = process.cpuUsage();
      try {
        attempt();
      } catch (error) {
        if (typeof (error as { code?: unknown }).code !== 'string') throw error;
      }
      // CPU time and a wide bound: the square of this length would take minutes on any machine.
      const { user, system } = process.cpuUsage(start);
      const tookMs = (user + system) / 1000;
      t.ok(tookMs < 20_000, `${encodeURIComponent(piece)} in attempt ${index}: ${tookMs.toFixed(0)} ms`);
    }
  }
});
