/** Framing, routing and credentials at the wire (B14–B20, C21–C23, D33, D34), byte by byte where no client library would. */

import t from 'tap';
import { AGENT_TOKEN, mint, startRelayed } from './support/relayed.ts';
import { arrival, arrived, exchange, headerMap, mark, requestText, statusOf } from './support/wire.ts';

const relayed = await startRelayed({
  access: [
    { cluster: 'demo', users: ['alice', 'bob'] },
    { cluster: 'offline', users: ['alice'] },
    { cluster: '*', users: ['everywhere'] },
  ],
});
t.teardown(() => relayed[Symbol.asyncDispose]());
relayed.relay.registry.addCluster('other');
relayed.relay.registry.addCluster('offline');

const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const SPDY = ['Connection: Upgrade', 'Upgrade: SPDY/3.1'];

t.test(
  'B14 a non-101 answer to an upgrade: passed on, its connection closed, no second request',
  async (t) => {
    for (const lines of [WEBSOCKET, SPDY]) {
      for (const code of [200, 301, 400, 403, 404, 500]) {
        const [first, second, third] = [mark(), mark(), mark()];
        // CVE-2018-1002105: what follows the refused upgrade would be sent as the agent itself.
        const replay =
          requestText(second) + `GET ${third} HTTP/1.1\r\nHost: x\r\nImpersonate-User: root\r\n\r\n`;
        const socket = await relayed.raw();
        let text = '';
        socket.on('data', (chunk: Buffer) => {
          text += chunk.toString('latin1');
          if (!socket.destroyed && socket.writable) socket.write(replay);
        });
        socket.on('error', () => {});
        socket.write(requestText(`/upgrade/refuse-${code}?${first}`, { lines }) + replay);
        await new Promise((resolve) => socket.once('close', resolve).once('end', () => socket.end()));
        t.equal(statusOf(text), code);
        t.match(text, /"reason":"Forbidden"/, 'with its body');
        const record = await arrival(relayed, first);
        await record.closed;
        t.equal(record.upgradeBytes, 0, 'no byte reached the connection of the refused upgrade');
        t.same([...arrived(relayed, second), ...arrived(relayed, third)], [], 'nor any other');
      }
    }
  },
);

t.test('B15 an Upgrade that Kubernetes does not have: an ordinary request', async (t) => {
  for (const lines of [
    ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
    ['Connection: Upgrade', 'Upgrade: TLS/1.0'],
    ['Connection: Upgrade', 'Upgrade: websocket, h2c'],
    ['Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: h2c', 'Sec-WebSocket-Key: eA=='],
    ['Connection: Upgrade', 'Upgrade: websocket'],
    ['Connection: close', 'Upgrade: SPDY/3.1'],
    ['Upgrade: websocket'],
  ]) {
    const path = mark();
    const text = await exchange(relayed, requestText(path, { lines: [...lines, 'Connection: close'] }));
    t.equal(statusOf(text), 200, lines.join(' | '));
    const [record] = arrived(relayed, path);
    t.equal(record?.upgrade, false);
    t.notOk(headerMap(record?.rawHeaders ?? []).has('upgrade'), 'the header went no further');
  }
});

t.test('B15 an upgrade with a body: refused, for its bytes would be read as two things', async (t) => {
  for (const lines of [
    [...SPDY, 'Content-Length: 5'],
    [...SPDY, 'Transfer-Encoding: chunked'],
    [...WEBSOCKET, 'Content-Length: 5'],
  ]) {
    const path = mark();
    const text = await exchange(
      relayed,
      requestText(`/upgrade/echo?${path}`, {
        method: lines.includes('Upgrade: websocket') ? 'GET' : 'POST',
        lines,
        body: 'hello',
      }),
      (answer) => answer.includes('\r\n\r\n'),
    );
    t.equal(statusOf(text), 400, lines.join(' | '));
    t.same(arrived(relayed, path), []);
  }
  const stranger = requestText('/upgrade/echo', {
    token: null,
    method: 'POST',
    // The body stays out: with it in the same packet node:http would hand over a plain socket.
    lines: [...SPDY, 'Content-Length: 5'],
  });
  t.equal(statusOf(await exchange(relayed, stranger)), 401, 'without a token as well: the relay lives on');
  const link = stranger
    .replace('/clusters/demo/upgrade/echo', '/agent/v1/link')
    .replace('SPDY/3.1', 'websocket');
  t.ok(statusOf(await exchange(relayed, link, (text) => statusOf(text) > 0)) >= 400, 'nor is it an agent');
  const path = mark();
  const lines = [...SPDY, 'Content-Length: 0'];
  const text = await exchange(
    relayed,
    requestText(`/upgrade/echo?${path}`, { method: 'POST', lines }),
    (answer) => answer.includes('\r\n\r\n'),
  );
  t.equal(statusOf(text), 101, 'client-go sends Content-Length: 0 with POST');
});

t.test('B16 a 101 that is not the upgrade asked for: refused', async (t) => {
  for (const [mode, lines] of [
    ['bad-accept', WEBSOCKET],
    ['no-accept', WEBSOCKET],
    ['wrong-protocol', WEBSOCKET],
    ['no-upgrade-header', WEBSOCKET],
    ['wrong-protocol', SPDY],
    ['no-upgrade-header', SPDY],
  ] as const) {
    const path = mark();
    const text = await exchange(relayed, requestText(`/upgrade/${mode}?${path}`, { lines: [...lines] }));
    t.equal(statusOf(text), 502, mode);
    t.match(text, /ERR_BAD_UPGRADE/);
    await (await arrival(relayed, path)).closed;
  }
});

t.test('B18 requests that two parsers could read differently: refused, with all behind them', async (t) => {
  const post = 'POST';
  for (const [why, lines, body] of [
    ['CL and TE', ['Content-Length: 3', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ['TE and CL', ['Transfer-Encoding: chunked', 'Content-Length: 3'], '0\r\n\r\n'],
    ['TE not chunked last', ['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'],
    ['TE unknown', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
    ['TE with a vertical tab', ['Transfer-Encoding: \x0bchunked'], '0\r\n\r\n'],
    ['TE name with a space', ['Transfer-Encoding : chunked'], '0\r\n\r\n'],
    ['TE folded', ['Transfer-Encoding:', ' chunked'], '0\r\n\r\n'],
    ['CL twice, different', ['Content-Length: 3', 'Content-Length: 0'], 'abc'],
    ['CL twice, equal', ['Content-Length: 0', 'Content-Length: 0'], ''],
    ['CL as a list', ['Content-Length: 3, 3'], 'abc'],
    ['CL negative', ['Content-Length: -1'], ''],
    ['CL signed', ['Content-Length: +3'], 'abc'],
    ['CL in hex', ['Content-Length: 0x3'], 'abc'],
    ['CL beyond 64 bits', ['Content-Length: 18446744073709551617'], 'a'],
    ['CL huge', ['Content-Length: 99999999999999999999999999'], 'a'],
    ['bare LF between headers', ['X-A: b\nContent-Length: 0'], ''],
    ['bare CR in a value', ['X-A: b\rContent-Length: 0'], ''],
  ] as const) {
    const [first, second] = [mark(), mark()];
    const text = await exchange(
      relayed,
      requestText(first, { method: post, lines: [...lines], body }) + requestText(second),
      undefined,
      2000,
    );
    t.equal(statusOf(text), 400, why);
    t.same([...arrived(relayed, first), ...arrived(relayed, second)], [], `${why}: nothing went on`);
  }
});

t.test(
  'B18 a chunked body gone wrong: the upload never looks whole, and nothing behind it is a request',
  async (t) => {
    for (const [why, body] of [
      ['size not hex', 'zz\r\nabc\r\n0\r\n\r\n'],
      ['size negative', '-3\r\nabc\r\n0\r\n\r\n'],
      ['size beyond 64 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
      ['bare LF after the size', '3\nabc\r\n0\r\n\r\n'],
      ['bare LF in an extension', '3;a=b\nabc\r\n0\r\n\r\n'],
      ['too long a chunk', '3\r\nabcdef\r\n0\r\n\r\n'],
      ['extensions without end', `3;${'a'.repeat(64 * 1024)}\r\nabc\r\n0\r\n\r\n`],
    ] as const) {
      const [first, second] = [mark(), mark()];
      await exchange(
        relayed,
        requestText(`/sink?${first}`, { method: 'POST', lines: ['Transfer-Encoding: chunked'], body }) +
          requestText(second),
        undefined,
        2000,
      );
      for (const record of arrived(relayed, first)) {
        await record.closed;
        t.notOk(record.finished, `${why}: the API server saw an abort`);
      }
      t.same(arrived(relayed, second), [], why);
    }
  },
);

t.test(
  'B18 Expect: 100-continue does not go on, and the next request on the connection is itself',
  async (t) => {
    const [first, second] = [mark(), mark()];
    const lines = ['Expect: 100-continue', 'Content-Length: 3'];
    const text = await exchange(
      relayed,
      requestText(first, { method: 'POST', lines, body: 'abc' }) +
        requestText(second, { lines: ['Connection: close'] }),
    );
    t.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    t.match(text, new RegExp(`"url":"${first}".*"bodyBytes":3`));
    t.notOk(headerMap(arrived(relayed, first)[0]?.rawHeaders ?? []).has('expect'));
    t.equal(arrived(relayed, second)[0]?.method, 'GET');
  },
);

t.test('B19 a connection to the API server that saw an abort: never used again', async (t) => {
  const [upload, answer] = [mark(), mark()];
  const socket = await relayed.raw();
  socket.write(
    requestText(`/sink?${upload}`, { method: 'POST', lines: ['Content-Length: 100'], body: 'GET /x' }),
  );
  const record = await arrival(relayed, upload);
  socket.destroy();
  await record.closed;
  const other = await relayed.raw();
  other.write(requestText(`/hang-body?${answer}`));
  const second = await arrival(relayed, answer);
  other.destroy();
  await second.closed;
  for (let i = 0; i < 10; i++) {
    const path = mark();
    const { json } = await relayed.request(path, { token: mint({ sub: 'bob' }) });
    t.equal(json['url'], path);
    t.same(headerMap(json['rawHeaders'] as string[]).get('impersonate-user'), ['bob']);
  }
});

t.test('B20 targets and hosts that name somebody else: refused', async (t) => {
  const path = mark();
  const auth = `Host: localhost\r\nAuthorization: Bearer ${mint()}\r\nConnection: close\r\n\r\n`;
  for (const line of [
    `GET https://localhost/clusters/demo${path} HTTP/1.1`,
    `GET http://user:pass@localhost/clusters/demo${path} HTTP/1.1`,
    `GET https://169.254.169.254/clusters/demo${path} HTTP/1.1`,
    `GET //localhost/clusters/demo${path} HTTP/1.1`,
    `CONNECT 127.0.0.1:6443 HTTP/1.1`,
    `CONNECT /clusters/demo${path} HTTP/1.1`,
    `TRACE /clusters/demo${path} HTTP/1.1`,
    `OPTIONS * HTTP/1.1`,
    `GET /clusters/demo@other${path} HTTP/1.1`,
    `GET /clusters/user:pass@demo${path} HTTP/1.1`,
    `PRI * HTTP/2.0`,
    `get /clusters/demo${path} HTTP/1.1`,
    `GET /clusters/demo${path} HTTP/1.1 HTTP/1.1`,
  ]) {
    const text = await exchange(relayed, `${line}\r\n${auth}`, undefined, 2000);
    t.ok([0, 400, 404, 405].includes(statusOf(text)), `${line}: ${statusOf(text)}`);
    t.same(arrived(relayed, path), []);
  }
  for (const hosts of [
    '',
    'Host: localhost\r\nHost: evil.example\r\n',
    'Host: localhost\r\nhost: localhost\r\n',
  ]) {
    const text = await exchange(
      relayed,
      `GET /clusters/demo${path} HTTP/1.1\r\n${hosts}${auth.replace('Host: localhost\r\n', '')}`,
    );
    t.equal(statusOf(text), 400, JSON.stringify(hosts));
    t.same(arrived(relayed, path), []);
  }
});

t.test('C21 paths that two readers could take for two clusters: refused', async (t) => {
  for (const target of [
    '/clusters/other/../demo/x',
    '/clusters/demo/../other/x',
    '/clusters/demo/..',
    '/clusters/demo/./x',
    '/clusters/demo/%2e%2e/other/x',
    '/clusters/demo/.%2E/other/x',
    '/clusters/demo/..%2fother/x',
    '/clusters/demo/%2e%2e%2fother/x',
    '/clusters/demo%2fother/x',
    '/clusters/demo%252fother/x',
    '/clusters/demo%2f..%2fother/x',
    '/clusters//demo/x',
    '//clusters/demo/x',
    '/clusters/demo;x/y',
    '/clusters/demo\\other/x',
    '/clusters/demo/..\\other/x',
    '/clusters\\demo\\x',
    '/clusters/demo./x',
    '/clusters/Demo/x',
    '/Clusters/demo/x',
    '/clusters/%64emo/x',
    '/clusters/demo%00/x',
    '/clusters/demo\0/x',
    '/clusters/demo /x',
    '/clusters/*/x',
    '/clusters/',
    '/clusters',
    '/clusters/demo#/x',
    '/clusters/../clusters/demo/x',
    '/api/../clusters/demo/x',
  ]) {
    const path = mark();
    const before = relayed.api.requests.length;
    const text = await exchange(
      relayed,
      `GET ${target}${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${mint()}\r\nConnection: close\r\n\r\n`,
    );
    t.ok([400, 403, 404].includes(statusOf(text)), `${JSON.stringify(target)}: ${statusOf(text)}`);
    t.same(relayed.api.requests.slice(before), [], 'nothing reached the API server');
  }
});

t.test('C21 odd paths below a cluster: the very bytes arrive', async (t) => {
  for (const odd of [
    '//x',
    '/a%2Fb',
    '/a%252fb',
    '/a;x=1',
    '/a%00',
    '/...',
    '/..a',
    '/A%41?a=/../b',
    '/%ZZ',
  ]) {
    const path = mark();
    const text = await exchange(relayed, requestText(`${path}${odd}`, { lines: ['Connection: close'] }));
    t.equal(statusOf(text), 200, odd);
    t.equal(arrived(relayed, path)[0]?.url, `${path}${odd}`);
  }
});

t.test('C22 a cluster one may not use and one that is not there: one answer', async (t) => {
  const ask = async (cluster: string, sub: string) => {
    const { status, headers, body } = await relayed.request(`/clusters/${cluster}/api`, {
      absolute: true,
      token: mint({ sub }),
    });
    const text = body.replaceAll(/(id |"uid":")[\w-]+/g, '$1-').replaceAll(cluster, 'CLUSTER');
    return { status, text, headers: Object.keys(headers).filter((name) => name !== 'date') };
  };
  const absent = await ask('nowhere', 'bob');
  t.equal(absent.status, 403);
  t.same(await ask('other', 'bob'), absent, 'it exists');
  t.same(await ask('offline', 'bob'), absent, 'it exists, another may use it');
  const mallory = await ask('nowhere', 'mallory');
  t.same(await ask('demo', 'mallory'), mallory, 'it exists and is connected');
  t.equal((await ask('nowhere', 'everywhere')).status, 403, 'also to those who may use all that exist');
  t.equal((await ask('offline', 'alice')).status, 503, 'who may use it is told');
});

t.test('C23 cluster in host, path and header in conflict: refused', async (t) => {
  await using named = await startRelayed({
    access: [{ cluster: '*', users: ['alice'] }],
    relayConfig: { baseDomain: 'relay.test' },
  });
  named.relay.registry.addCluster('other');
  const ask = async (target: string, ...hosts: string[]) => {
    const lines = [
      ...hosts.map((host) => `Host: ${host}`),
      `Authorization: Bearer ${mint()}`,
      'Connection: close',
    ];
    return statusOf(await exchange(named, `GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`));
  };
  const path = mark();
  t.equal(await ask(path, 'demo.relay.test'), 200);
  t.equal(await ask(path, 'DEMO.relay.test:8443'), 200);
  t.equal(arrived(named, path).length, 2);
  const denied = mark();
  t.equal(await ask(`/clusters/demo${denied}`, 'demo.relay.test'), 400);
  t.equal(await ask(`/clusters/demo${denied}`, 'other.relay.test'), 400);
  t.equal(await ask(`/clusters/other${denied}`, 'demo.relay.test'), 400);
  t.equal(await ask(denied, 'a.demo.relay.test'), 400);
  t.equal(await ask(denied, 'demo.relay.test', 'other.relay.test'), 400);
  t.equal(await ask(denied, 'other.relay.test', 'demo.relay.test'), 400);
  t.equal(await ask(`/clusters/demo${denied}`, 'relay.test', 'demo.relay.test'), 400);
  t.equal(await ask(denied, 'demo.relay.test.evil.example'), 404);
  t.equal(await ask(`https://demo.relay.test${denied}`, 'other.relay.test'), 400);
  t.same(arrived(named, denied), []);
  const header = mark();
  const lines = ['X-Forwarded-Host: demo.relay.test', 'X-Fairlead-Cluster: demo', 'Connection: close'];
  const text = await exchange(
    named,
    requestText(header, { lines, host: 'other.relay.test' }).replace('/clusters/demo', ''),
  );
  t.equal(statusOf(text), 503, 'a header does not choose the cluster');
  t.same(arrived(named, header), []);
});

t.test(
  'D33 a token in the WebSocket subprotocol: once, beside another, and it goes no further',
  async (t) => {
    const token = mint();
    const bearer = (text: string) =>
      `base64url.bearer.authorization.k8s.io.${Buffer.from(text, 'latin1').toString('base64url')}`;
    const upgrade = async (protocols: string[], authorization: string | null = null) => {
      const path = mark();
      const lines = [...WEBSOCKET, ...protocols.map((protocol) => `Sec-WebSocket-Protocol: ${protocol}`)];
      const text = await exchange(
        relayed,
        requestText(`/upgrade/echo?${path}`, { lines, token: authorization }),
        (answer) => answer.includes('\r\n\r\n'),
      );
      return { status: statusOf(text), text, records: arrived(relayed, path) };
    };
    for (const [protocols, authorization] of [
      [[`v5.channel.k8s.io, ${bearer(token)}`], null],
      [[bearer(token), 'v5.channel.k8s.io'], null],
      [[`${bearer(token)}, v5.channel.k8s.io`], token],
    ] as const) {
      const { status, text, records } = await upgrade([...protocols], authorization);
      t.equal(status, 101);
      t.notMatch(text, /bearer/i, 'not echoed');
      const headers = headerMap(records[0]?.rawHeaders ?? []);
      t.same(headers.get('sec-websocket-protocol'), ['v5.channel.k8s.io']);
      t.same(headers.get('authorization'), [`Bearer ${AGENT_TOKEN}`]);
    }
    for (const [protocols, authorization] of [
      [[bearer(token)], null],
      [[`v5.channel.k8s.io, ${bearer(token)}, ${bearer(token)}`], null],
      [['v5.channel.k8s.io', bearer(token), bearer(token)], null],
      [[`v5.channel.k8s.io, ${bearer('')}`], null],
      [[`v5.channel.k8s.io, ${bearer('\xff\xfe')}`], null],
      [[`v5.channel.k8s.io, ${bearer(' ')}`], null],
      [[`v5.channel.k8s.io, ${bearer(token)}==`], null],
      [[`v5.channel.k8s.io, ${bearer(mint({ sub: 'bob' }))}`], token],
      [[`v5.channel.k8s.io, ${bearer('')}`], token],
    ] as const) {
      const { status, records } = await upgrade([...protocols], authorization);
      t.equal(status, 401, protocols.join(' | ').slice(0, 90));
      t.same(records, []);
    }
    const ordinary = await exchange(
      relayed,
      requestText(mark(), {
        token: null,
        lines: [`Sec-WebSocket-Protocol: x, ${bearer(token)}`, 'Connection: close'],
      }),
    );
    t.equal(statusOf(ordinary), 401, 'not without a WebSocket');
  },
);

t.test('D34 a token in the query, two Authorizations, another scheme: refused', async (t) => {
  const token = mint();
  for (const [query, lines] of [
    [`?access_token=${token}`, []],
    [`?token=${token}&authorization=Bearer%20${token}`, []],
    ['', [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`]],
    ['', [`Authorization: Bearer ${token}`, `authorization: Bearer ${mint({ sub: 'bob' })}`]],
    ['', [`Authorization: Bearer ${token}, Bearer ${token}`]],
    ['', [`Authorization: Basic ${Buffer.from('alice:x').toString('base64')}`]],
    ['', [`Authorization: ${token}`]],
    ['', ['Authorization: Bearer']],
    ['', ['Authorization: Bearer ']],
    ['', [`Proxy-Authorization: Bearer ${token}`]],
    ['', [`X-Authorization: Bearer ${token}`]],
    ['', [`Cookie: token=${token}`]],
  ] as const) {
    const path = mark();
    const text = await exchange(
      relayed,
      requestText(path + query, { token: null, lines: [...lines, 'Connection: close'] }),
    );
    t.equal(statusOf(text), 401, `${query}${lines.join(' | ')}`.replaceAll(token, '…'));
    t.notMatch(text, token, 'the answer does not show the token');
    t.same(arrived(relayed, path), []);
  }
  const seen = JSON.stringify(relayed.api.requests);
  t.notMatch(seen, /eyJ/, 'no token of a user has ever reached the API server');
});
