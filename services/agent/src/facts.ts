/** What the agent publishes of its cluster: its service account issuer, the issuer's keys, the version. */

import type { ClusterFacts } from '@fairlead/enrolment';

/** Gets JSON from the API server as the agent. */
export type GetJson = (path: string) => Promise<unknown>;

/** Rejects when the API server cannot be asked; the caller tries again later. */
export async function clusterFacts(getJson: GetJson): Promise<ClusterFacts> {
  const [discovery, jwks, version] = await Promise.all([
    getJson('/.well-known/openid-configuration'),
    getJson('/openid/v1/jwks'),
    getJson('/version'),
  ]);
  return {
    kind: 'facts',
    issuer: String((discovery as { issuer?: unknown }).issuer ?? ''),
    jwks: jwks as ClusterFacts['jwks'],
    kubernetesVersion: String((version as { gitVersion?: unknown }).gitVersion ?? ''),
  };
}
