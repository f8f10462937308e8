// Situations of loading a configuration: precedence, wrong keys, environment, files.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Type } from 'typebox';
import { ConfigError, DurationString, SizeString, describeKeys, loadConfig, readText } from '../src/index.ts';
import type { LoadOptions } from '../src/index.ts';

const closed = { additionalProperties: false };
const Schema = Type.Object(
  {
    listen: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1', description: 'Address' }),
        port: Type.Integer({ minimum: 0, maximum: 65535, default: 8443 }),
      },
      closed,
    ),
    mode: Type.Union([Type.Literal('fast'), Type.Literal('safe')], { default: 'safe' }),
    idleTimeout: DurationString({ default: '30s' }),
    maxUnread: SizeString({ default: '64Ki' }),
    secret: Type.Optional(Type.String()),
    admins: Type.Array(Type.String(), { default: [] }),
    issuers: Type.Array(
      Type.Object({ name: Type.String({ minLength: 1 }), skew: Type.Integer({ default: 5 }) }, closed),
      { default: [] },
    ),
  },
  closed,
);

function lines(options: LoadOptions): string[] {
  try {
    loadConfig(Schema, options);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

t.test('no source at all gives the defaults', async (t) => {
  t.same(loadConfig(Schema), {
    listen: { host: '127.0.0.1', port: 8443 },
    mode: 'safe',
    idleTimeout: '30s',
    maxUnread: '64Ki',
    admins: [],
    issuers: [],
  });
});

t.test('flags win over environment, over file, over default', async (t) => {
  const file = join(t.testdir(), 'c.yaml');
  writeFileSync(file, 'listen: {port: 1, host: a}\nmode: fast\nissuers: [{name: x}]\n');
  const env = { FAIRLEAD_LISTEN_PORT: '2', FAIRLEAD_IDLE_TIMEOUT: '5s', FAIRLEAD_ADMINS: 'a, b' };
  const got = loadConfig(Schema, { file, env, flags: { idleTimeout: '7s', mode: undefined } });
  t.same(got.listen, { port: 2, host: 'a' });
  t.equal(got.mode, 'fast');
  t.equal(got.idleTimeout, '7s');
  t.same(got.admins, ['a', 'b']);
  t.same(got.issuers, [{ name: 'x', skew: 5 }]);
});

t.test('every wrong key is one line that says what is expected', async (t) => {
  const file = join(t.testdir(), 'c.yaml');
  writeFileSync(
    file,
    'listen: {port: 99999, prt: 1}\nmode: slow\nidleTimeout: 30\nissuers: [{}, {name: a, x: 1}]\nnope: 1\n',
  );
  t.same(lines({ file }), [
    'listen.port: 99999 is not allowed, expected a whole number from 0 to 65535',
    'listen.prt: unknown key, expected one of host, port',
    'mode: "slow" is not allowed, expected one of fast, safe',
    'idleTimeout: 30 is not allowed, expected a duration such as 250ms, 30s, 1h30m',
    'issuers[0].name: is missing, expected text that is not empty',
    'issuers[1].x: unknown key, expected one of name, skew',
    'nope: unknown key, expected one of listen, mode, idleTimeout, maxUnread, secret, admins, issuers',
  ]);
});

t.test('a wrong value names the variable or the command line it came from', async (t) => {
  t.match(
    lines({ env: { FAIRLEAD_LISTEN_PORT: 'x' } })[0],
    /^listen\.port: "x" .* \(set by FAIRLEAD_LISTEN_PORT\)$/,
  );
  t.match(lines({ flags: { mode: 'x' } })[0], /\(set by the command line\)$/);
});

t.test('an unknown variable is an error unless it is ignored or a service link of Kubernetes', async (t) => {
  t.match(lines({ env: { FAIRLEAD_NOPE: '1' } }), [/^FAIRLEAD_NOPE: unknown variable/]);
  t.same(
    lines({
      env: { FAIRLEAD_NOPE: '1', FAIRLEAD_TEST_A: '1' },
      ignore: ['FAIRLEAD_NOPE', 'FAIRLEAD_TEST_*'],
    }),
    [],
  );
  t.same(
    lines({
      env: { FAIRLEAD_RELAY_PORT: 'tcp://10.0.0.1:443', FAIRLEAD_RELAY_PORT_443_TCP_ADDR: '10.0.0.1' },
    }),
    [],
  );
  t.same(
    lines({ env: { FAIRLEAD_RELAY_SERVICE_HOST: '10.0.0.1', FAIRLEAD_RELAY_SERVICE_PORT_HTTPS: '443' } }),
    [],
  );
});

t.test('a variable that ends in _FILE reads the value from the file', async (t) => {
  const file = join(t.testdir(), 's');
  writeFileSync(file, '123\n');
  t.equal(loadConfig(Schema, { env: { FAIRLEAD_SECRET_FILE: file } }).secret, '123');
  t.match(lines({ env: { FAIRLEAD_SECRET_FILE: `${file}x` } }), [
    /^FAIRLEAD_SECRET_FILE: .* does not exist$/,
  ]);
  t.match(lines({ env: { FAIRLEAD_SECRET_FILE: file, FAIRLEAD_SECRET: 'y' } }), [/expected only one/]);
});

t.test('a file that is absent, broken or no map says so in one line', async (t) => {
  const dir = t.testdir({ bad: 'a: [1\nb: 2', list: '- 1', twice: 'mode: fast\nmode: safe' });
  t.match(lines({ file: join(dir, 'none') }), [/^configuration file: .*none does not exist$/]);
  t.match(lines({ file: join(dir, 'bad') }), [/bad:\d+:\d+: is not valid YAML: /]);
  t.match(lines({ file: join(dir, 'list') }), [/is not a map/]);
  t.match(lines({ file: join(dir, 'twice') }), [/is not valid YAML: Map keys must be unique/]);
  t.throws(() => readText(dir, 'CA certificate'), {
    code: 'ERR_CONFIG_FILE_UNREADABLE',
    message: /is a directory/,
  });
});

t.test('a wrong secret is not printed', async (t) => {
  t.notMatch(lines({ flags: { mode: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln' } }).join('\n'), /eyJ/);
  t.match(lines({ flags: { secret: 12345 } }), [/^secret: this value is not allowed, expected text/]);
});

t.test('describeKeys lists keys for the docs', async (t) => {
  const keys = describeKeys(Schema);
  t.same(
    keys.find((k) => k.key === 'listen.host'),
    { key: 'listen.host', type: 'string', required: false, default: '127.0.0.1', description: 'Address' },
  );
  t.match(
    keys.find((k) => k.key === 'issuers[].name'),
    { type: 'string', required: true },
  );
  t.match(
    keys.find((k) => k.key === 'mode'),
    { type: 'fast|safe' },
  );
});
