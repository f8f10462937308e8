// Redirects stay under the cluster's prefix.
import t from 'tap';
import { rewriteLocation } from '../src/index.ts';

const rewrite = { prefix: '/clusters/demo', ownHosts: ['10.0.0.1', 'api.test:6443', '[::1]:6443'] };
const P = '/clusters/demo';

t.test('own paths and hosts are rewritten, all else is left alone', async (t) => {
  for (const [from, to] of [
    ['/openapi/v3/apis?hash=A%2F&x#y', `${P}/openapi/v3/apis?hash=A%2F&x#y`],
    ['/', `${P}/`],
    ['/a//b/%2F', `${P}/a//b/%2F`],
    ['https://api.test:6443/x?y', `${P}/x?y`],
    ['HTTPS://API.test:6443', `${P}/`],
    ['http://10.0.0.1:6443?x', `${P}/?x`],
    ['//10.0.0.1/x', `${P}/x`],
    ['https://[::1]:6443/x', `${P}/x`],
    ['https://api.test/x', 'https://api.test/x'],
    ['https://api.test:64430/x', 'https://api.test:64430/x'],
    ['https://elsewhere/x', 'https://elsewhere/x'],
    ['//elsewhere/x', '//elsewhere/x'],
    ['https://10.0.0.1@elsewhere/x', 'https://10.0.0.1@elsewhere/x'],
    ['https://elsewhere\\10.0.0.1/x', 'https://elsewhere\\10.0.0.1/x'],
    ['pods/', 'pods/'],
    ['?a=b', '?a=b'],
    ['#x', '#x'],
    ['', ''],
    ['ftp://10.0.0.1/x', 'ftp://10.0.0.1/x'],
  ] as const) {
    t.equal(rewriteLocation(from, rewrite), to, from);
  }
});

t.test('a hostile answer cannot lead to another cluster', async (t) => {
  for (const hostile of [
    '/../other/api',
    '/%2e%2e/other',
    '/a/../../../other',
    '/..\\other',
    '/\\..\\..\\other',
    'https://api.test:6443/../../clusters/other',
    '//10.0.0.1/.%2E/other',
  ]) {
    const at = new URL(rewriteLocation(hostile, rewrite), 'https://relay/clusters/demo/api');
    t.ok(at.pathname.startsWith(`${P}/`) && at.host === 'relay', `${hostile} -> ${at.pathname}`);
  }
});
