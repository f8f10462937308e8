/** The JSON that relay and agent exchange before and beside the tunnel, each shape closed and bounded. */

import { Type, type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { EnrolmentError } from './errors.ts';

const Base64Url = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength });
const Closed = { additionalProperties: false } as const;

/** Body of `POST /agent/v1/enroll`. */
export const EnrolRequestSchema = Type.Object(
  {
    joinToken: Type.String({ minLength: 1, maxLength: 256 }),
    publicKey: Base64Url(64),
    audience: Type.String({ minLength: 1, maxLength: 300 }),
    signature: Base64Url(128),
  },
  Closed,
);
export type EnrolRequest = Static<typeof EnrolRequestSchema>;

/** Its answer: the cluster that the join token stood for. */
export const EnrolResponseSchema = Type.Object({ cluster: Type.String(), keyId: Base64Url(64) }, Closed);
export type EnrolResponse = Static<typeof EnrolResponseSchema>;

/** First text message on a link, relay to agent. */
export const ChallengeSchema = Type.Object(
  { type: Type.Literal('challenge'), nonce: Base64Url(64), relay: Type.String({ maxLength: 128 }) },
  { additionalProperties: true },
);
export type Challenge = Static<typeof ChallengeSchema>;

/** The agent's answer. Later versions may add keys; an older relay passes over them. */
export const ProofSchema = Type.Object(
  {
    type: Type.Literal('proof'),
    keyId: Base64Url(64),
    instance: Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_.-]+$' }),
    audience: Type.String({ minLength: 1, maxLength: 300 }),
    signature: Base64Url(128),
  },
  { additionalProperties: true },
);
export type Proof = Static<typeof ProofSchema>;

/** Last text message before the tunnel's own binary ones. */
export const AcceptedSchema = Type.Object(
  { type: Type.Literal('accepted'), cluster: Type.String({ maxLength: 63 }) },
  { additionalProperties: true },
);
export type Accepted = Static<typeof AcceptedSchema>;

/** What an agent publishes of its cluster, sent as INFO on each link and again when it changes. */
export const ClusterFactsSchema = Type.Object(
  {
    kind: Type.Literal('facts'),
    issuer: Type.String({ maxLength: 1024 }),
    jwks: Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 64 }) }),
    kubernetesVersion: Type.String({ maxLength: 64 }),
  },
  { additionalProperties: true },
);
export type ClusterFacts = Static<typeof ClusterFactsSchema>;

/** WebSocket close code with which a relay refuses an agent's proof; the reason says why. */
export const CLOSE_REFUSED = 4401;
/** Text messages of the handshake are small; anything larger is refused before it is parsed. */
export const MAX_HANDSHAKE_BYTES = 4096;

/** A parser of one schema: JSON text or a value in, a checked value out. Throws ERR_ENROLMENT_MESSAGE. */
function parser<const S extends TSchema>(schema: S, what: string): (input: unknown) => Static<S> {
  const check = Compile(schema);
  return (input) => {
    let value = input;
    if (typeof input === 'string') {
      try {
        value = JSON.parse(input);
      } catch (cause) {
        throw new EnrolmentError('ERR_ENROLMENT_MESSAGE', `the ${what} is not JSON`, { cause });
      }
    }
    if (!check.Check(value)) {
      const first = check.Errors(value)[0];
      throw new EnrolmentError(
        'ERR_ENROLMENT_MESSAGE',
        `the ${what} is malformed: ${first?.instancePath} ${first?.message}`,
      );
    }
    return value as Static<S>;
  };
}

export const parseEnrolResponse = parser(EnrolResponseSchema, 'enrolment answer');
export const parseChallenge = parser(ChallengeSchema, 'challenge');
export const parseProof = parser(ProofSchema, 'proof');
export const parseAccepted = parser(AcceptedSchema, 'acceptance');
export const parseClusterFacts = parser(ClusterFactsSchema, "cluster's facts");
