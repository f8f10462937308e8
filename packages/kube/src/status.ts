// The catalogue of every refusal a user can see, and its Kubernetes Status object.
import { MAX_QUOTED_CHARS } from './constants.ts';
import { KubeError } from './errors.ts';

/** What a message may mention. Strings are cleaned and cut before they are shown; never put a token here. */
export interface RefusalDetail {
  cluster?: string;
  user?: string;
  /** One short clause: what exactly was wrong. */
  why?: string;
  timeoutMs?: number;
  limitBytes?: number;
  /** Replaces the catalogue's Retry-After. */
  retryAfterSeconds?: number;
}

interface RefusalEntry {
  readonly status: number;
  /** metav1.StatusReason, printed by kubectl as `Error from server (<reason>): <message>`. */
  readonly reason: string;
  readonly retryAfterSeconds?: number;
  readonly message: (detail: RefusalDetail) => string;
}

const cluster = (d: RefusalDetail): string =>
  d.cluster === undefined ? 'the cluster' : `cluster "${d.cluster}"`;
const because = (d: RefusalDetail): string => (d.why === undefined ? '' : `: ${d.why}`);

/**
 * Every refusal. A message says what happened, then what to do. docs/reference/errors.md lists the same codes.
 * 401 is one text for every cause, and 403 for a cluster is one text whether or not it exists: no oracle.
 */
export const REFUSALS = {
  ERR_UNAUTHENTICATED: {
    status: 401,
    reason: 'Unauthorized',
    message: () =>
      'the relay did not accept the credentials; sign in again, for example with "fairlead login"',
  },
  ERR_GROUP_OVERAGE: {
    status: 401,
    reason: 'Unauthorized',
    message: (d) =>
      `your token only points to your groups and does not list them${because(d)}; ask an administrator for a token with fewer groups`,
  },
  ERR_FORBIDDEN_CLUSTER: {
    status: 403,
    reason: 'Forbidden',
    message: (d) =>
      `${d.user === undefined ? 'you' : `user "${d.user}"`} may not use ${cluster(d)}, or it does not exist; ` +
      'check the name or ask an administrator of the relay for access',
  },
  ERR_IMPERSONATION_REFUSED: {
    status: 403,
    reason: 'Forbidden',
    message: () =>
      'the relay does not pass on Impersonate-* headers; leave out --as, --as-group and --as-uid, and the same settings in the kubeconfig',
  },
  ERR_IDENTITY_REFUSED: {
    status: 403,
    reason: 'Forbidden',
    message: (d) =>
      `your identity cannot be used in a cluster${because(d)}; ask an administrator to correct the account or the mapping of its claims`,
  },
  ERR_AGENT_POLICY: {
    status: 403,
    reason: 'Forbidden',
    message: (d) =>
      `the agent of ${cluster(d)} refused the request${because(d)}; its policy is set in the cluster, ask those who run the cluster`,
  },
  ERR_BAD_TARGET: {
    status: 400,
    reason: 'BadRequest',
    message: (d) =>
      `the request's path cannot be passed on${because(d)}; use https://<relay>/clusters/<name> as the server of the kubeconfig`,
  },
  ERR_BAD_HEADERS: {
    status: 400,
    reason: 'BadRequest',
    message: (d) =>
      `the request's headers cannot be passed on${because(d)}; check the client and any proxy in front of the relay`,
  },
  ERR_NOT_FOUND: {
    status: 404,
    reason: 'NotFound',
    message: () => 'the relay serves nothing at this path; clusters are at /clusters/<name>',
  },
  ERR_METHOD_NOT_ALLOWED: {
    status: 405,
    reason: 'MethodNotAllowed',
    message: () =>
      'the relay does not pass on this HTTP method; CONNECT and TRACE have no use with the Kubernetes API',
  },
  ERR_OVERLOADED: {
    status: 429,
    reason: 'TooManyRequests',
    retryAfterSeconds: 1,
    message: (d) =>
      `the relay or the agent of ${cluster(d)} has too much to do${because(d)}; try again shortly`,
  },
  ERR_HEADERS_TOO_LARGE: {
    status: 431,
    reason: 'RequestHeaderFieldsTooLarge',
    message: (d) =>
      `the request's headers are too large${d.limitBytes === undefined ? because(d) : ` (at most ${d.limitBytes} bytes)`}; ` +
      'a token with very many groups is the usual cause, ask for fewer groups in it',
  },
  ERR_INTERNAL: {
    status: 500,
    reason: 'InternalError',
    message: () =>
      'the relay or agent failed unexpectedly; give the id to those who run the relay, its log says more',
  },
  ERR_API_SERVER_UNREACHABLE: {
    status: 502,
    reason: 'BadGateway',
    message: (d) =>
      `the agent of ${cluster(d)} cannot reach its API server${because(d)}; check the API server and the agent's settings`,
  },
  ERR_API_SERVER_ABORTED: {
    status: 502,
    reason: 'BadGateway',
    message: (d) =>
      `the API server of ${cluster(d)} closed the connection before it answered${because(d)}; ` +
      'check whether the change took effect, then try again',
  },
  ERR_BAD_UPGRADE: {
    status: 502,
    reason: 'BadGateway',
    message: (d) =>
      `the API server of ${cluster(d)} did not switch protocols correctly${because(d)}; check for a proxy between agent and API server`,
  },
  ERR_BAD_RESPONSE: {
    status: 502,
    reason: 'BadGateway',
    message: (d) =>
      `the answer of ${cluster(d)} cannot be passed on${because(d)}; ask those who run the cluster`,
  },
  ERR_AGENT_NOT_CONNECTED: {
    status: 503,
    reason: 'ServiceUnavailable',
    retryAfterSeconds: 1,
    message: (d) =>
      `no agent of ${cluster(d)} is connected to the relay; check that the agent runs and can reach the relay, then try again`,
  },
  ERR_LINK_LOST: {
    status: 503,
    reason: 'ServiceUnavailable',
    retryAfterSeconds: 1,
    message: (d) =>
      `the connection to the agent of ${cluster(d)} was lost before an answer came; check whether the change took effect, then try again`,
  },
  ERR_ISSUER_UNAVAILABLE: {
    status: 503,
    reason: 'ServiceUnavailable',
    retryAfterSeconds: 2,
    message: () =>
      "the relay cannot get the keys of your token's issuer now; try again, and tell those who run the relay if it lasts",
  },
  ERR_DRAINING: {
    status: 503,
    reason: 'ServiceUnavailable',
    retryAfterSeconds: 1,
    message: () =>
      'the relay is about to stop and takes no new requests; try again, another relay will answer',
  },
  ERR_UPSTREAM_TIMEOUT: {
    status: 504,
    reason: 'Timeout',
    message: (d) =>
      `${cluster(d)} did not answer${d.timeoutMs === undefined ? ' in time' : ` within ${d.timeoutMs / 1000} s`}${because(d)}; ` +
      'check whether the change took effect, then try again',
  },
} as const satisfies Record<string, RefusalEntry>;

export type RefusalCode = keyof typeof REFUSALS;

/** A request ends here: thrown anywhere on its way before an answer has begun. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly detail: Readonly<RefusalDetail>;

  constructor(code: RefusalCode, detail: RefusalDetail = {}, options?: ErrorOptions) {
    const clean = cleanDetail(detail);
    super(entryOf(code).message(clean), options);
    this.name = 'Refusal';
    this.code = code;
    this.detail = clean;
  }

  /** HTTP status. */
  get status(): number {
    return REFUSALS[this.code].status;
  }

  /** metav1.StatusReason. */
  get reason(): string {
    return REFUSALS[this.code].reason;
  }

  /** For the Retry-After header; undefined where trying again does not help. */
  get retryAfterSeconds(): number | undefined {
    return this.detail.retryAfterSeconds ?? entryOf(this.code).retryAfterSeconds;
  }
}

/** Makes a refusal, to be thrown by the caller. */
export function refuse(code: RefusalCode, detail: RefusalDetail = {}, options?: ErrorOptions): Refusal {
  return new Refusal(code, detail, options);
}

/** Whatever was thrown on a request's way as a refusal; an unknown error becomes ERR_INTERNAL and keeps its text to the log. */
export function toRefusal(error: unknown, detail: RefusalDetail = {}): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof KubeError)
    return new Refusal(error.refusal, { why: error.message, ...detail }, { cause: error });
  return new Refusal('ERR_INTERNAL', detail, { cause: error });
}

/** Kubernetes Status (metav1.Status) as JSON bytes. `details.causes[0].reason` is the code; the id is in the message too. */
export function statusBody(refusal: Refusal, correlationId: string): Buffer {
  const { code, detail, retryAfterSeconds } = refusal;
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${refusal.message} (${code}, id ${correlationId})`,
    reason: refusal.reason,
    details: {
      ...(detail.cluster === undefined ? {} : { name: detail.cluster, kind: 'clusters' }),
      uid: correlationId,
      causes: [{ reason: code, message: refusal.message }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
    code: refusal.status,
  };
  return Buffer.from(`${JSON.stringify(status)}\n`);
}

/** Raw header list (name, value, …) for a refusal whose body has `bodyBytes` bytes. */
export function refusalHeaders(refusal: Refusal, bodyBytes: number): string[] {
  const headers = [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(bodyBytes),
    'Cache-Control',
    'no-cache, private',
  ];
  if (refusal.retryAfterSeconds !== undefined) headers.push('Retry-After', String(refusal.retryAfterSeconds));
  if (refusal.status === 401) headers.push('WWW-Authenticate', 'Bearer realm="fairlead"');
  return headers;
}

function entryOf(code: RefusalCode): RefusalEntry {
  return REFUSALS[code];
}

function cleanDetail(detail: RefusalDetail): RefusalDetail {
  const clean: RefusalDetail = { ...detail };
  for (const key of ['cluster', 'user', 'why'] as const) {
    const value = detail[key];
    if (value !== undefined) clean[key] = printable(value);
  }
  return clean;
}

/** A terminal prints what we send: control and format characters become '?', long text is cut. */
function printable(text: string): string {
  const safe = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?').toWellFormed();
  return safe.length <= MAX_QUOTED_CHARS ? safe : `${safe.slice(0, MAX_QUOTED_CHARS)}…`;
}
