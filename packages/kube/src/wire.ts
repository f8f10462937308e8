// What travels in a stream's OPEN and HEAD metadata: JSON, checked by a compiled schema when it arrives.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { KubeError } from './errors.ts';

const Strings = Type.Array(Type.String());

/** As whom a request acts. Unknown fields are refused: who does not understand an identity must not act on it. */
export const IdentitySchema = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('impersonate'),
      user: Type.String(),
      groups: Strings,
      uid: Type.Optional(Type.String()),
      extra: Type.Optional(Type.Record(Type.String(), Strings)),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    { kind: Type.Literal('token'), token: Type.String({ pattern: '^[A-Za-z0-9._~+/-]+=*$' }) },
    { additionalProperties: false },
  ),
]);

/** Further fields are allowed, so that a newer relay can speak to an older agent. */
export const RequestHeadSchema = Type.Object({
  method: Type.String({ pattern: '^[A-Z]{1,32}$' }),
  target: Type.String({ pattern: '^/[!-~\u0080-\u00ff]*$' }),
  headers: Strings,
  identity: IdentitySchema,
  upgrade: Type.Optional(Type.Union([Type.Literal('websocket'), Type.Literal('SPDY/3.1')])),
  id: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' }),
});

export const ResponseHeadSchema = Type.Object({
  status: Type.Integer({ minimum: 100, maximum: 599 }),
  message: Type.String(),
  headers: Strings,
});

/** Impersonate these, or pass the token on for the API server to judge. Values are checked by impersonationHeaders. */
export type Identity = Static<typeof IdentitySchema>;
export type ImpersonatedIdentity = Extract<Identity, { kind: 'impersonate' }>;

/**
 * A request on its way to the agent. `target` is path and query as received less the cluster prefix, begins with `/`,
 * one character a byte; `headers` is a raw list (name, value, …); `id` is the correlation id.
 */
export type RequestHead = Static<typeof RequestHeadSchema>;

/** An answer's head. `headers` is a raw list; `message` the reason phrase. */
export type ResponseHead = Static<typeof ResponseHeadSchema>;

const requestHead = Compile(RequestHeadSchema);
const responseHead = Compile(ResponseHeadSchema);

export function encodeRequestHead(head: RequestHead): Buffer {
  return Buffer.from(JSON.stringify(head));
}

/** @throws KubeError ERR_KUBE_WIRE: not JSON, a field missing (identity above all) or of the wrong shape. */
export function decodeRequestHead(bytes: Buffer): RequestHead {
  const value = parse(bytes);
  if (!requestHead.Check(value)) throw malformed('request');
  if (value.headers.length % 2 !== 0) throw malformed('request');
  return value;
}

export function encodeResponseHead(head: ResponseHead): Buffer {
  return Buffer.from(JSON.stringify(head));
}

/** @throws KubeError ERR_KUBE_WIRE */
export function decodeResponseHead(bytes: Buffer): ResponseHead {
  const value = parse(bytes);
  if (!responseHead.Check(value)) throw malformed('response');
  if (value.headers.length % 2 !== 0) throw malformed('response');
  // The reason phrase goes into a status line: what cannot stand there (CR and LF above all) is left out whole.
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value.message)) value.message = '';
  return value;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // The parser's own words quote the input, which can hold a token.
    throw new KubeError('ERR_KUBE_WIRE', 'the head of a stream is not JSON');
  }
}

function malformed(what: string): KubeError {
  return new KubeError('ERR_KUBE_WIRE', `the ${what} head of a stream has a wrong shape`);
}
