/**
 * The way of one request, in a straight line: which cluster, who, may they, as whom, over which link.
 *
 * Each step is one call into its package and hands a plain value to the next. Whatever fails throws a Refusal, and
 * nothing has been sent then: there is no path from here to a link without an identity.
 */

import type { IncomingMessage } from 'node:http';
import type { Access } from '@fairlead/access';
import type { LinkTable, Registry } from '@fairlead/directory';
import type { Authenticator, Principal } from '@fairlead/identity';
import {
  announcesBody,
  forwardRequestHeaders,
  isForwardableMethod,
  parseClusterTarget,
  refuse,
  upgradeToken,
  type RequestHead,
} from '@fairlead/kube';
import type { Link } from '@fairlead/tunnel';
import { authenticate, type Caller } from './authenticate.ts';

export interface GatewayParts {
  authenticator: Authenticator;
  access: Access;
  registry: Registry;
  links: LinkTable<Link>;
  /** Set from the configuration: clusters are also host names under it. */
  baseDomain: string | undefined;
}

/** A request that may go: what to send, where, and for whom (for log and metrics). */
export interface Admitted {
  cluster: string;
  link: Link;
  head: RequestHead;
  principal: Principal;
}

export class Gateway {
  readonly #parts: GatewayParts;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  /** Whether a request is for a cluster, by its path or its host name. Nothing else is decided here. */
  serves(request: IncomingMessage): boolean {
    const url = request.url ?? '';
    return url.startsWith('/clusters/') || this.#clusterOfHost(request) !== undefined;
  }

  /** Synchronous when the token is known. Throws or rejects with a Refusal or KubeError. */
  admit(request: IncomingMessage, id: string): Admitted | Promise<Admitted> {
    const { cluster, target } = this.#target(request);
    if (!isForwardableMethod(request.method ?? '')) throw refuse('ERR_METHOD_NOT_ALLOWED');
    const caller = authenticate(this.#parts.authenticator, request.rawHeaders, cluster);
    if (caller instanceof Promise)
      return caller.then((known) => this.#route(request, known, cluster, target, id));
    return this.#route(request, caller, cluster, target, id);
  }

  #route(
    request: IncomingMessage,
    { principal, token }: Caller,
    cluster: string,
    target: string,
    id: string,
  ): Admitted {
    const { access, links, registry } = this.#parts;
    const decision = access.decide(principal, token, cluster);
    if (!decision.allowed) throw refuse('ERR_FORBIDDEN_CLUSTER', { cluster, user: principal.user });
    const link = links.pick(cluster);
    if (!link) {
      // Also to those a rule for all clusters lets in, a cluster that does not exist looks like one they may not use.
      if (!registry.cluster(cluster))
        throw refuse('ERR_FORBIDDEN_CLUSTER', { cluster, user: principal.user });
      throw refuse('ERR_AGENT_NOT_CONNECTED', { cluster });
    }
    const method = request.method ?? '';
    const upgrade = upgradeToken(method, request.rawHeaders);
    if (upgrade !== undefined && announcesBody(request.rawHeaders))
      throw refuse('ERR_BAD_HEADERS', { why: 'an upgrade has no body' });
    const head: RequestHead = {
      method,
      target,
      headers: forwardRequestHeaders(request.rawHeaders),
      identity: decision.identity,
      id,
      ...(upgrade === undefined ? {} : { upgrade }),
    };
    return { cluster, link, head, principal };
  }

  /** The one place that says which cluster is addressed: authorization and routing both use its answer. */
  #target(request: IncomingMessage): { cluster: string; target: string } {
    const url = request.url ?? '';
    // node:http shows the first of several: whoever reads the last would see another host.
    if (countHosts(request.rawHeaders) > 1) throw refuse('ERR_BAD_HEADERS', { why: 'Host is there twice' });
    const ofHost = this.#clusterOfHost(request);
    if (ofHost === undefined) return parseClusterTarget(url);
    if (url.startsWith('/clusters/')) {
      throw refuse('ERR_BAD_TARGET', { why: 'the host name and the path both name a cluster' });
    }
    return parseClusterTarget(`/clusters/${ofHost}${url}`);
  }

  #clusterOfHost(request: IncomingMessage): string | undefined {
    const { baseDomain } = this.#parts;
    if (baseDomain === undefined) return undefined;
    const host = (request.headers.host ?? '').toLowerCase().replace(/:[0-9]*$/, '');
    return host.endsWith(`.${baseDomain}`) ? host.slice(0, -baseDomain.length - 1) : undefined;
  }
}

function countHosts(raw: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < raw.length; i += 2) if (raw[i]?.toLowerCase() === 'host') count += 1;
  return count;
}
