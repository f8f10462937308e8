// Every refusal: its Status object, and its line in docs/reference/errors.md.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { KUBE_ERRORS } from '../src/errors.ts';
import { KubeError, REFUSALS, Refusal, refusalHeaders, refuse, statusBody, toRefusal } from '../src/index.ts';
import type { RefusalCode } from '../src/index.ts';

const CODES = Object.keys(REFUSALS) as RefusalCode[];
const EXPECTED: Record<RefusalCode, [status: number, reason: string, retryAfter: number | undefined]> = {
  ERR_UNAUTHENTICATED: [401, 'Unauthorized', undefined],
  ERR_GROUP_OVERAGE: [401, 'Unauthorized', undefined],
  ERR_ISSUER_UNAVAILABLE: [503, 'ServiceUnavailable', 2],
  ERR_FORBIDDEN_CLUSTER: [403, 'Forbidden', undefined],
  ERR_IMPERSONATION_REFUSED: [403, 'Forbidden', undefined],
  ERR_IDENTITY_REFUSED: [403, 'Forbidden', undefined],
  ERR_AGENT_POLICY: [403, 'Forbidden', undefined],
  ERR_BAD_TARGET: [400, 'BadRequest', undefined],
  ERR_BAD_HEADERS: [400, 'BadRequest', undefined],
  ERR_NOT_FOUND: [404, 'NotFound', undefined],
  ERR_METHOD_NOT_ALLOWED: [405, 'MethodNotAllowed', undefined],
  ERR_OVERLOADED: [429, 'TooManyRequests', 1],
  ERR_HEADERS_TOO_LARGE: [431, 'RequestHeaderFieldsTooLarge', undefined],
  ERR_INTERNAL: [500, 'InternalError', undefined],
  ERR_API_SERVER_UNREACHABLE: [502, 'BadGateway', undefined],
  ERR_API_SERVER_ABORTED: [502, 'BadGateway', undefined],
  ERR_BAD_UPGRADE: [502, 'BadGateway', undefined],
  ERR_BAD_RESPONSE: [502, 'BadGateway', undefined],
  ERR_AGENT_NOT_CONNECTED: [503, 'ServiceUnavailable', 1],
  ERR_LINK_LOST: [503, 'ServiceUnavailable', 1],
  ERR_DRAINING: [503, 'ServiceUnavailable', 1],
  ERR_UPSTREAM_TIMEOUT: [504, 'Timeout', undefined],
};

interface Status {
  kind: string;
  apiVersion: string;
  status: string;
  code: number;
  reason: string;
  message: string;
  details: {
    name?: string;
    uid: string;
    retryAfterSeconds?: number;
    causes: { reason: string; message: string }[];
  };
}
const read = (refusal: Refusal, id = 'id-1'): Status =>
  JSON.parse(statusBody(refusal, id).toString()) as Status;

t.test('each code gives its Status, with code and correlation id', async (t) => {
  for (const code of CODES) {
    const refusal = refuse(code, { cluster: 'demo', why: 'reasons' });
    const status = read(refusal);
    const [http, reason, retryAfter] = EXPECTED[code];
    t.match(status, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: http, reason }, code);
    t.equal(status.details.causes[0]?.reason, code);
    t.equal(status.details.uid, 'id-1');
    t.equal(status.details.retryAfterSeconds, retryAfter);
    t.ok(status.message.endsWith(` (${code}, id id-1)`), status.message);
    t.match(status.message, /; /, `${code} says what to do`);
    const headers = refusalHeaders(refusal, 7);
    const at = headers.indexOf('Retry-After');
    t.equal(at < 0 ? undefined : headers[at + 1], retryAfter === undefined ? undefined : String(retryAfter));
    t.equal(headers[headers.indexOf('Content-Length') + 1], '7');
  }
});

t.test('docs/reference/errors.md lists every code with its numbers, and no dead one', async (t) => {
  const page = readFileSync(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  t.equal(rows.length, CODES.length);
  for (const row of rows) {
    const [code = '', http, reason, retry, what = '', todo = ''] = row
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    const name = code.replaceAll('`', '') as RefusalCode;
    const { status, reason: expected } = REFUSALS[name] ?? { status: 0, reason: '' };
    t.equal(http, String(status), name);
    t.equal(reason, expected, name);
    const retryAfter = refuse(name).retryAfterSeconds;
    t.equal(retry, retryAfter === undefined ? '' : `${retryAfter} s`, name);
    t.ok(what.length > 10 && todo.length > 3, name);
  }
  for (const [code] of page.matchAll(/ERR_[A-Z_]+/g)) t.ok(Object.hasOwn(REFUSALS, code), `${code} exists`);
});

t.test('a stranger hears the same of a cluster that exists and of one that does not', async (t) => {
  t.equal(
    REFUSALS.ERR_FORBIDDEN_CLUSTER.message({ cluster: 'a', why: 'unknown' }),
    REFUSALS.ERR_FORBIDDEN_CLUSTER.message({ cluster: 'a', why: 'no grant' }),
  );
  t.equal(
    refuse('ERR_UNAUTHENTICATED', { why: 'expired' }).message,
    refuse('ERR_UNAUTHENTICATED', { why: 'no token' }).message,
  );
});

t.test('what comes from outside cannot write to the terminal, and is cut', async (t) => {
  const status = read(
    refuse('ERR_API_SERVER_UNREACHABLE', { cluster: 'a\u001b[2J\nb\u202e', why: 'x'.repeat(5000) }),
  );
  t.notMatch(status.message, /[\u0000-\u001f\u202e]/);
  t.match(status.message, /cluster "a\?\[2J\?b\?"/);
  t.ok(status.message.length < 700);
});

t.test('any thrown thing becomes a refusal', async (t) => {
  const refusal = refuse('ERR_LINK_LOST');
  t.equal(toRefusal(refusal), refusal);
  for (const [code, expected] of Object.entries(KUBE_ERRORS)) {
    const error = new KubeError(code as keyof typeof KUBE_ERRORS, 'the why');
    t.equal(toRefusal(error).code, expected);
    t.equal(toRefusal(error).cause, error);
  }
  const internal = toRefusal(new Error('secret path'));
  t.equal(internal.code, 'ERR_INTERNAL');
  t.notMatch(read(internal).message, /secret/);
  t.equal(refuse('ERR_OVERLOADED', { retryAfterSeconds: 9 }).retryAfterSeconds, 9);
});
