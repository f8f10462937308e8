// Whatever list of headers arrives, nothing that makes an identity goes on, and nothing goes on without an identity.
import * as fc from 'fast-check';
import t from 'tap';
import {
  KubeError,
  decodeRequestHead,
  encodeRequestHead,
  forwardRequestHeaders,
  forwardResponseHeaders,
} from '../src/index.ts';
import type { RequestHead } from '../src/index.ts';

const mixed = (name: string) =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((up) => [...name].map((c, i) => (up[i] ? c.toUpperCase() : c)).join(''));
const seeds = fc.constantFrom(
  'impersonate-user',
  'impersonate-group',
  'impersonate-uid',
  'impersonate-extra-a',
  'impersonate-new',
  'authorization',
  'proxy-authorization',
  'cookie',
  'x-remote-user',
  'x-remote-group',
  'x-remote-extra-a',
  'x-remote-uid',
  'x-forwarded-for',
  'x-forwarded-user',
  'forwarded',
  'x-original-uri',
  'front-proxy-user',
  'connection',
  'upgrade',
  'transfer-encoding',
  'content-length',
  'te',
  'trailer',
  'host',
  'expect',
  'accept',
  'user-agent',
  'x-any',
);
const separators = fc.constantFrom('-', '-', '-', '_', '.', ' ', '%2d', '\u2010');
const padding = fc.constantFrom('', '', '', ' ', '\t', '\r\n', '\u00a0');
const name = fc
  .tuple(seeds.chain(mixed), separators, padding, padding)
  .map(([n, sep, before, after]) => before + n.replaceAll('-', sep) + after);
const value = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'close, Impersonate-User, authorization',
    'x-remote-user',
    '5',
    'a\r\nImpersonate-User: b',
  ),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const list = fc.array(fc.tuple(name, value), { maxLength: 8 }).map((pairs) => pairs.flat());

/** As a careless server could: everything but letters is gone. */
const careless = (header: string): string =>
  header
    .toLowerCase()
    .replace(/%2d/g, '')
    .replace(/[^a-z]/g, '');

t.test('property: no identity-making or hop-by-hop header goes on', async (t) => {
  let passed = 0;
  let refused = 0;
  fc.assert(
    fc.property(list, (raw) => {
      let out: string[];
      try {
        out = forwardRequestHeaders(raw);
      } catch (error) {
        refused += 1;
        return error instanceof KubeError;
      }
      passed += 1;
      for (let i = 0; i < out.length; i += 2) {
        if (
          /^(impersonate|authorization|proxyauth|cookie|xremote|xforwarded|forwarded|xoriginal|frontproxy|connection|upgrade|transferencoding|te$|trailer|host$|expect)/.test(
            careless(out[i] ?? ''),
          )
        )
          return false;
        if (/[\r\n\0]/.test(`${out[i]}${out[i + 1]}`)) return false;
      }
      // The agent does it again: nothing changes any more.
      return JSON.stringify(forwardRequestHeaders(out)) === JSON.stringify(out);
    }),
    { numRuns: 5000 },
  );
  t.ok(passed > 200 && refused > 200, `${passed} passed, ${refused} refused`);
});

t.test('property: an answer is passed on without hop-by-hop headers, or refused', async () => {
  fc.assert(
    fc.property(list, (raw) => {
      try {
        const out = forwardResponseHeaders(raw, { prefix: '/clusters/a', ownHosts: [] });
        return out.every(
          (part, i) =>
            !/[\r\n\0]/.test(part) &&
            (i % 2 === 1 || !/^(connection|upgrade|transfer.encoding|te|trailer)$/i.test(part)),
        );
      } catch (error) {
        return error instanceof KubeError && error.code === 'ERR_KUBE_RESPONSE';
      }
    }),
    { numRuns: 2000 },
  );
});

t.test(
  'property: a request head without a whole identity is not decoded, so nothing can be sent upstream',
  async () => {
    const head: RequestHead = {
      method: 'GET',
      target: '/api',
      headers: [],
      identity: { kind: 'token', token: 'a.b.c' },
      id: 'x',
    };
    const strings = fc.array(fc.string(), { maxLength: 2 });
    const identity = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          kind: fc.oneof(fc.constantFrom('impersonate', 'token', 'none', ''), fc.jsonValue()),
          user: fc.oneof(fc.string(), fc.jsonValue()),
          groups: fc.oneof(strings, fc.jsonValue()),
          token: fc.oneof(fc.constantFrom('', 'a b', 'a\r\n', 'ok'), fc.jsonValue()),
          uid: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(identity, (who) => {
        const bytes = Buffer.from(JSON.stringify({ ...head, identity: who }));
        let decoded: RequestHead;
        try {
          decoded = decodeRequestHead(bytes);
        } catch (error) {
          return error instanceof KubeError && error.code === 'ERR_KUBE_WIRE';
        }
        const is = decoded.identity;
        return is.kind === 'token'
          ? /^[^\s]+$/.test(is.token)
          : is.kind === 'impersonate' &&
              typeof is.user === 'string' &&
              is.groups.every((g) => typeof g === 'string');
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(
        fc.record({
          target: fc.string({ unit: 'binary' }).map((s) => `/${s}`),
          headers: fc.array(fc.tuple(fc.string(), fc.string())).map((p) => p.flat()),
        }),
        (parts) => {
          try {
            return (
              JSON.stringify(decodeRequestHead(encodeRequestHead({ ...head, ...parts }))) ===
              JSON.stringify({ ...head, ...parts })
            );
          } catch {
            return /[^!-~\u0080-\u00ff]/.test(parts.target);
          }
        },
      ),
    );
  },
);
