// Which headers go on (A1-A7, B15, B18), from literal lists.
import t from 'tap';
import { forwardRequestHeaders, forwardResponseHeaders, upgradeToken } from '../src/index.ts';

const impersonation = { code: 'ERR_KUBE_IMPERSONATION_HEADER', refusal: 'ERR_IMPERSONATION_REFUSED' };
const bad = { code: 'ERR_KUBE_HEADERS', refusal: 'ERR_BAD_HEADERS' };
const rewrite = { prefix: '/clusters/demo', ownHosts: ['api.internal:6443'] };

t.test('what kubectl sends goes on as it is, order and case kept', async (t) => {
  const raw = [
    'User-Agent',
    'kubectl/v1.36',
    'Accept',
    'application/json;as=Table, */*',
    'accept-encoding',
    'gzip',
    'X-Stream-Protocol-Version',
    'v5.channel.k8s.io',
    'X-Stream-Protocol-Version',
    'v4.channel.k8s.io',
    'Kubectl-Session',
    'a',
    'Content-Length',
    '0',
    'X-Odd',
    'caf\u00c3\u00a9\t',
  ];
  t.same(forwardRequestHeaders(raw), raw);
  t.same(forwardRequestHeaders([]), []);
});

t.test('A1, A2: Impersonate-* is refused in any case, also a name of the future', async (t) => {
  for (const name of [
    'Impersonate-User',
    'impersonate-group',
    'IMPERSONATE-UID',
    'iMpErSoNaTe-Extra-Scopes',
    'Impersonate-Foo',
    'Impersonate-',
    ' Impersonate-User',
    'Impersonate-User ',
    '\tImpersonate-User',
  ]) {
    t.throws(() => forwardRequestHeaders(['Accept', '*/*', name, 'x']), impersonation, name);
    t.throws(() => forwardRequestHeaders([name, '']), impersonation, name);
  }
});

t.test('A3: twice, joined, or with control characters is refused all the same', async (t) => {
  t.throws(() => forwardRequestHeaders(['Impersonate-User', 'a', 'Impersonate-User', 'b']), impersonation);
  t.throws(() => forwardRequestHeaders(['Impersonate-User', 'a, b\r\n c']), impersonation);
  for (const value of ['a\r\nImpersonate-User: root', 'a\nb', 'a\u0000', 'a\u007f', 'a\u0100'])
    t.throws(() => forwardRequestHeaders(['X-Any', value]), bad, encodeURI(value));
  for (const name of [
    'X\r\nImpersonate-User',
    'X\u0000',
    'X Y',
    '',
    'X:',
    '\u0130mpersonate-User',
    'X\u00e9',
  ])
    t.throws(() => forwardRequestHeaders([name, 'v']), bad, encodeURI(name));
  t.throws(() => forwardRequestHeaders(['X-Only-Name']), bad);
});

t.test('A4: look-alikes do not go on', async (t) => {
  for (const name of [
    'impersonate_user',
    'Impersonate.User',
    'Impersonate_Extra-a',
    'impersonate',
    'ImpersonateUser',
    'Impersonate User',
    '%49mpersonate-User',
    'Impersonate%2dUser',
    'X_Remote_User',
    'x.remote.group',
    'X-Remote_Extra-Scopes',
    'X_Forwarded_For',
    'Content_Length',
    'Transfer_Encoding',
    'Proxy_Authorization',
  ]) {
    t.same(forwardRequestHeaders([name, 'x', 'Accept', 'a']), ['Accept', 'a'], name);
  }
});

t.test('A6: Connection takes nothing that matters away, and hop-by-hop headers end here', async (t) => {
  t.throws(
    () => forwardRequestHeaders(['Connection', 'Impersonate-User, Authorization', 'Impersonate-User', 'x']),
    impersonation,
  );
  t.same(
    forwardRequestHeaders([
      'Connection',
      'close, upgrade, X-Mine,Authorization',
      'CONNECTION',
      'x_other',
      'X-Mine',
      '1',
      'X-Other',
      '2',
      'Authorization',
      'Bearer a',
      'Upgrade',
      'h2c',
      'HTTP2-Settings',
      'x',
      'Keep-Alive',
      '1',
      'TE',
      'trailers',
      'Trailer',
      'X',
      'Proxy-Connection',
      'x',
      'Proxy-Authorization',
      'x',
      'Transfer-Encoding',
      'chunked',
      'Accept',
      'a',
    ]),
    ['Accept', 'a'],
  );
  t.same(
    forwardRequestHeaders(['Connection', 'content-length', 'Content-Length', '5']),
    ['Content-Length', '5'],
    'framing is kept',
  );
});

t.test(
  'A7: names by which a front proxy vouches are stripped, with Host, Expect and credentials',
  async (t) => {
    const names = [
      'X-Remote-User',
      'x-remote-group',
      'X-Remote-Extra-Scopes',
      'X-Remote-Uid',
      'X-Forwarded-For',
      'X-Forwarded-Host',
      'X-Forwarded-Client-Cert',
      'Forwarded',
      'X-Original-Url',
      'Front-Proxy-Client',
      'X-Real-IP',
      'Host',
      'Expect',
      'Cookie',
      'Authorization',
      'Fairlead-Identity',
      'X-Fairlead-User',
    ];
    for (const name of names) t.same(forwardRequestHeaders([name, 'v', name.toUpperCase(), 'w']), [], name);
  },
);

t.test('D33: the bearer subprotocol is stripped, the others stay', async (t) => {
  const bearer = 'base64url.bearer.authorization.k8s.io.YWJj';
  const of = (value: string): string[] => forwardRequestHeaders(['Sec-WebSocket-Protocol', value]);
  t.same(of(`${bearer}, v5.channel.k8s.io`), ['Sec-WebSocket-Protocol', 'v5.channel.k8s.io']);
  t.same(of(`v5.channel.k8s.io,${bearer.toUpperCase()},v4.channel.k8s.io`), [
    'Sec-WebSocket-Protocol',
    'v5.channel.k8s.io, v4.channel.k8s.io',
  ]);
  t.same(of(bearer), []);
  t.same(of('v5.channel.k8s.io,v4.channel.k8s.io'), [
    'Sec-WebSocket-Protocol',
    'v5.channel.k8s.io,v4.channel.k8s.io',
  ]);
});

t.test('B18: a body length told in two ways is refused', async (t) => {
  for (const raw of [
    ['Content-Length', '1', 'content-length', '1'],
    ['Content-Length', '1', 'Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'chunked', 'Content-Length', '1'],
    ['Content-Length', '-1'],
    ['Content-Length', '1,1'],
    ['Content-Length', '+1'],
    ['Content-Length', '9'.repeat(30)],
    ['Content-Length', ''],
  ]) {
    t.throws(() => forwardRequestHeaders(raw), bad, raw.join(' '));
  }
});

t.test('64 KiB of headers pass, more than 80 KiB are refused', async (t) => {
  const block = (n: number): string[] =>
    Array.from({ length: n }, (_, i) => [`X-${i}`, 'v'.repeat(1000)]).flat();
  t.equal(forwardRequestHeaders(block(65)).length, 130);
  t.throws(() => forwardRequestHeaders(block(82)), {
    code: 'ERR_KUBE_HEADERS_TOO_LARGE',
    refusal: 'ERR_HEADERS_TOO_LARGE',
  });
  t.throws(() => forwardRequestHeaders(['A', 'b'], { maxBytes: 3 }), { code: 'ERR_KUBE_HEADERS_TOO_LARGE' });
  t.equal(forwardResponseHeaders(block(65), rewrite).length, 130);
  t.throws(() => forwardResponseHeaders(block(82), rewrite), {
    code: 'ERR_KUBE_RESPONSE',
    refusal: 'ERR_BAD_RESPONSE',
  });
});

t.test('an answer keeps all but hop-by-hop headers, Set-Cookie and Clear-Site-Data', async (t) => {
  const kept = [
    'Audit-Id',
    'a',
    'Warning',
    '299 - "x"',
    'Warning',
    '299 - "y"',
    'X-Kubernetes-Pf-Flowschema-Uid',
    'u',
    'Content-Encoding',
    'gzip',
    'Content-Length',
    '1',
    'Alt-Svc',
    'clear',
    'Strict-Transport-Security',
    'max-age=1',
    'ETag',
    '"x"',
    'Date',
    'd',
    'WWW-Authenticate',
    'Basic',
    'X-Odd_Name',
    '',
    'Retry-After',
    '1',
  ];
  const dropped = [
    'Connection',
    'close, X-Hop',
    'X-Hop',
    '1',
    'Keep-Alive',
    'x',
    'Transfer-Encoding',
    'chunked',
    'Trailer',
    'x',
    'Upgrade',
    'x',
    'Set-Cookie',
    'a=b',
    'clear-site-data',
    '"*"',
  ];
  t.same(forwardResponseHeaders([...dropped, ...kept], rewrite), kept);
  t.same(forwardResponseHeaders(['location', '/x'], rewrite), ['location', '/clusters/demo/x']);
  t.throws(() => forwardResponseHeaders(['X-A', 'a\r\nSet-Cookie: b=c'], rewrite), {
    code: 'ERR_KUBE_RESPONSE',
  });
});

t.test('upgrades: only the two that Kubernetes has (B15)', async (t) => {
  const ws = ['Connection', 'keep-alive, Upgrade', 'Upgrade', 'WebSocket', 'Sec-WebSocket-Key', 'k'];
  t.equal(upgradeToken('GET', ws), 'websocket');
  t.equal(upgradeToken('POST', ws), undefined);
  t.equal(upgradeToken('GET', ws.slice(0, 4)), undefined, 'no key');
  t.equal(upgradeToken('GET', ws.slice(2)), undefined, 'Connection does not name it');
  t.equal(upgradeToken('POST', ['connection', 'upgrade', 'upgrade', 'spdy/3.1']), 'SPDY/3.1');
  t.equal(upgradeToken('GET', ['connection', 'upgrade', 'upgrade', 'SPDY/3.1']), 'SPDY/3.1');
  t.equal(upgradeToken('DELETE', ['connection', 'upgrade', 'upgrade', 'SPDY/3.1']), undefined);
  for (const token of ['h2c', 'TLS/1.0', 'SPDY/3', 'websocket, SPDY/3.1', ''])
    t.equal(
      upgradeToken('GET', ['Connection', 'Upgrade', 'Upgrade', token, 'Sec-WebSocket-Key', 'k']),
      undefined,
      token,
    );
  t.equal(upgradeToken('GET', [...ws, 'Upgrade', 'websocket']), undefined, 'twice');
});
