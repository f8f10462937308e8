/**
 * What the agent sends to its API server for one request: the last place where an identity can go missing.
 *
 * Impersonation fails open: a request without Impersonate-User runs as the agent itself. So the headers are built here
 * from a checked identity or not at all, whatever the relay sent, and anything that looks like an identity is dropped or
 * refused a second time (the first is the relay).
 */

import { forwardRequestHeaders, impersonationHeaders, type RequestHead } from '@fairlead/kube';

/** Raw headers, name and value in turn. Throws KubeError when no identity can be built from the request. */
export function outgoingHeaders(request: RequestHead, agentToken: () => string): string[] {
  const headers = forwardRequestHeaders(request.headers);
  if (request.identity.kind === 'token') {
    headers.push('Authorization', `Bearer ${request.identity.token}`);
    return headers;
  }
  const impersonation = impersonationHeaders(request.identity);
  headers.push('Authorization', `Bearer ${agentToken()}`, ...impersonation);
  return headers;
}
