// Where a token may stand (D33, D34): one place, one scheme.
import t from 'tap';
import { bearerToken } from '../src/index.ts';

const WS = ['Upgrade', 'websocket', 'Connection', 'Upgrade'];
const PREFIX = 'base64url.bearer.authorization.k8s.io.';
const protocol = (...protocols: string[]): string[] => [
  ...WS,
  'Sec-WebSocket-Protocol',
  protocols.join(', '),
];
const encoded = (token: string): string => PREFIX + Buffer.from(token).toString('base64url');

t.test('the token is found', async (t) => {
  t.equal(bearerToken(['Authorization', 'Bearer a.b-c_d~/+==']), 'a.b-c_d~/+==');
  t.equal(bearerToken(['authorization', '  bearer \t abc ']), 'abc');
  t.equal(bearerToken(protocol(encoded('a.b.c'), 'v5.channel.k8s.io')), 'a.b.c');
  t.equal(
    bearerToken([...protocol('v4.channel.k8s.io', encoded('a')), 'Authorization', 'Bearer a']),
    'a',
    'both the same',
  );
  t.equal(bearerToken(['Accept', '*/*']), undefined);
  t.equal(bearerToken(protocol('v5.channel.k8s.io')), undefined);
  t.equal(
    bearerToken(['Sec-WebSocket-Protocol', `${encoded('a')}, x`]),
    undefined,
    'not a WebSocket request',
  );
  t.equal(bearerToken(['X-Token', 'a', 'Cookie', 'Authorization=Bearer a']), undefined);
});

t.test('everything doubtful is refused, without repeating the token', async (t) => {
  for (const [what, code, raw] of [
    ['twice', 'TWICE', ['Authorization', 'Bearer s3cret', 'authorization', 'Bearer s3cret']],
    [
      'twice with padding in the name',
      'TWICE',
      ['Authorization', 'Bearer s3cret', 'Authorization ', 'Bearer b'],
    ],
    ['joined by a comma', 'MALFORMED', ['Authorization', 'Bearer s3cret, Bearer b']],
    ['basic', 'SCHEME', ['Authorization', 'Basic s3cret']],
    ['negotiate', 'SCHEME', ['Authorization', 'Negotiate s3cret']],
    ['no scheme', 'SCHEME', ['Authorization', 's3cret']],
    ['empty', 'EMPTY', ['Authorization', '']],
    ['scheme only', 'EMPTY', ['Authorization', 'Bearer  ']],
    ['inner space', 'MALFORMED', ['Authorization', 'Bearer s3cret b']],
    ['control character', 'MALFORMED', ['Authorization', 'Bearer s3cret\u0000']],
    ['empty subprotocol', 'EMPTY', protocol(PREFIX, 'v5.channel.k8s.io')],
    ['subprotocol alone', 'MALFORMED', protocol(encoded('s3cret'))],
    ['subprotocol twice', 'TWICE', protocol(encoded('s3cret'), encoded('s3cret'), 'v5.channel.k8s.io')],
    [
      'subprotocol twice in two headers',
      'TWICE',
      [...protocol(encoded('s3cret'), 'x'), 'Sec-WebSocket-Protocol', encoded('b')],
    ],
    ['subprotocol not UTF-8', 'MALFORMED', protocol(`${PREFIX}_w8`, 'x')],
    ['subprotocol with padding', 'MALFORMED', protocol(`${PREFIX}YQ==`, 'x')],
    ['subprotocol in capitals', 'MALFORMED', protocol(encoded('s3cret').toUpperCase(), 'x')],
    [
      'subprotocol and Authorization differ',
      'CONFLICT',
      [...protocol(encoded('s3cret'), 'x'), 'Authorization', 'Bearer b'],
    ],
    [
      'good subprotocol and Basic',
      'SCHEME',
      [...protocol(encoded('s3cret'), 'x'), 'Authorization', 'Basic b'],
    ],
  ] as const) {
    try {
      bearerToken(raw);
      t.fail(what);
    } catch (error) {
      t.match(error, { code: `ERR_KUBE_TOKEN_${code}`, refusal: 'ERR_UNAUTHENTICATED' }, what);
      t.notMatch(String(error), /s3cret/i);
    }
  }
});
