// Splitting a request target: what is authorized is what is routed (C20, C21, C23).
import * as fc from 'fast-check';
import t from 'tap';
import { KubeError, isClusterName, isForwardableMethod, parseClusterTarget } from '../src/index.ts';

const refused = { code: 'ERR_KUBE_TARGET', refusal: 'ERR_BAD_TARGET' };
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);

t.test('the remainder stays byte for byte', async (t) => {
  for (const [url, target] of [
    ['/clusters/demo', '/'],
    ['/clusters/demo/', '/'],
    ['/clusters/demo?x=1', '/?x=1'],
    ['/clusters/demo/api?x', '/api?x'],
    ['/clusters/demo//api//v1', '//api//v1'],
    ['/clusters/demo/a%2Fb%2fc%252f;x=1', '/a%2Fb%2fc%252f;x=1'],
    ['/clusters/demo/a?../..&b=/../\\?%2e%2e#', '/a?../..&b=/../\\?%2e%2e#'],
    ['/clusters/demo/..a/b../.../.c', '/..a/b../.../.c'],
    ['/clusters/demo/clusters/other', '/clusters/other'],
    ['/clusters/demo/%zz%00\u00e9', '/%zz%00\u00e9'],
    ['/clusters/demo/api/v1/namespaces/a/pods/b:80/proxy/', '/api/v1/namespaces/a/pods/b:80/proxy/'],
  ] as const) {
    t.same(parseClusterTarget(url), { cluster: 'demo', target }, url);
  }
});

t.test('C20: forms other than an absolute path are refused', async (t) => {
  for (const url of [
    'https://relay/clusters/demo/api',
    '*',
    'demo:443',
    '//u:p@h/clusters/demo',
    'u@h/clusters/demo',
    '',
    '/',
    '/api',
    '/clusters',
    '//clusters/demo',
    '/Clusters/demo',
    '/clusters//api',
    '/clusters/?x',
  ]) {
    t.throws(() => parseClusterTarget(url), refused, url);
  }
  t.equal(isForwardableMethod('CONNECT'), false);
  t.equal(isForwardableMethod('TRACE'), false);
  t.equal(isForwardableMethod('PATCH'), true);
});

t.test('C21: a cluster segment that is no DNS label is refused', async (t) => {
  for (const name of [
    'a.b',
    'A',
    'a%62',
    '%61',
    'a;x',
    'a_b',
    '-a',
    'a-',
    'a\\b',
    'a\u0000',
    '..',
    '.',
    '%2e%2e',
    'a#',
    'a@b',
    'a:1',
    'ä',
    'a'.repeat(64),
  ]) {
    t.throws(() => parseClusterTarget(`/clusters/${name}/api`), refused, name);
    t.equal(isClusterName(name), false);
  }
  t.equal(isClusterName('a'.repeat(63)), true);
});

t.test('C21: dot segments in any coding, backslashes and control characters are refused', async (t) => {
  for (const rest of [
    '/..',
    '/.',
    '/../b',
    '/a/./b',
    '/a/..',
    '/%2e%2e/b',
    '/%2E./b',
    '/.%2e',
    '/a/%2e',
    '/a%2f..%2fb',
    '/a/..%2Fb',
    '/a\\b',
    '/a#b',
    '/..#',
    '/a\\..\\b',
    '/a b',
    '/a\tb',
    '/a\r\nX: y',
    '/a\u0000',
    '/a\u007f',
    '/a?b\nc',
    '/a\u0100',
  ]) {
    t.throws(() => parseClusterTarget(`/clusters/demo${rest}`), refused, JSON.stringify(rest));
  }
});

t.test('property: cluster and remainder put together are the request, whatever is in it', async () => {
  const piece = fc.constantFrom(
    '/',
    '//',
    '%2f',
    '%2e',
    '.',
    '..',
    ';',
    '?',
    '#',
    'clusters',
    'a',
    '%',
    '\\',
    '@',
    ':',
    '\u00ff',
    ' ',
    '\n',
    'A',
    '-',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        label,
        fc.array(piece, { maxLength: 3 }).map((p) => p.join('')),
      ),
      fc.array(piece, { maxLength: 12 }),
      (name, pieces) => {
        const rest = pieces.join('');
        const url = `/clusters/${name}${rest}`;
        let parsed: ReturnType<typeof parseClusterTarget>;
        try {
          parsed = parseClusterTarget(url);
        } catch (error) {
          return error instanceof KubeError && error.code === 'ERR_KUBE_TARGET';
        }
        const { cluster, target } = parsed;
        const whole = `/clusters/${cluster}${target}`;
        const same =
          whole === url ||
          (whole === `/clusters/${cluster}/` && url === `/clusters/${cluster}`) ||
          (target.startsWith('/?') && `/clusters/${cluster}${target.slice(1)}` === url);
        // A second, independent reader (WHATWG URL) that resolves dot segments finds the same cluster.
        const other = new URL(url, 'http://h').pathname.split('/')[2];
        return same && isClusterName(cluster) && other === cluster && target.startsWith('/');
      },
    ),
    { numRuns: 3000 },
  );
});
