// Limits and fixed names of the Kubernetes side of Fairlead, each in one place.

/** Most bytes of one header block (names, values, separators), in either direction. 64 KiB blocks must pass. */
export const MAX_HEADER_BYTES = 80 * 1024;

/** Most bytes of Impersonate-* headers written for one request; bounds a token with very many groups. */
export const MAX_IMPERSONATION_BYTES = 256 * 1024;

/** Path under which a relay serves clusters: `/clusters/{name}/…`. */
export const CLUSTERS_PREFIX = '/clusters/';

/** WebSocket subprotocol that carries a bearer token (k8s.io/apiserver/pkg/authentication/request/websocket). */
export const BEARER_SUBPROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** Characters of a user-supplied string that a refusal repeats at most. */
export const MAX_QUOTED_CHARS = 400;
