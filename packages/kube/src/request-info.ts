// What a request means to Kubernetes: verb, group, resource, namespace, name, and whether it may last.
import { exactName, queryValue } from './request-query.ts';

/**
 * As RequestInfo of k8s.io/apiserver/pkg/endpoints/request/requestinfo.go. Absent parts are ''. A request that is no resource
 * request has its lower-case method as verb. `path` is percent-decoded, as the API server sees it.
 */
export interface RequestInfo {
  isResource: boolean;
  verb: string;
  apiPrefix: string;
  group: string;
  version: string;
  namespace: string;
  resource: string;
  subresource: string;
  name: string;
  path: string;
  /** Exempt from request time-outs, as kube-apiserver's own check says (pkg/controlplane/apiserver/config.go, BasicLongRunningRequestCheck). */
  longRunning: boolean;
}

const SPECIAL_VERBS = new Set(['proxy', 'watch']);
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);
const LONG_RUNNING_VERBS = new Set(['watch', 'proxy']);
const LONG_RUNNING_SUBRESOURCES = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);
const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/**
 * Reads a request's meaning from its method and target (path and query below the cluster's prefix).
 * `/api/v1/watch` alone, which the API server answers with an error, is a resource request with no resource: no rule matches it.
 */
export function requestInfo(method: string, target: string): RequestInfo {
  const mark = target.indexOf('?');
  const path = decodePath(mark < 0 ? target : target.slice(0, mark));
  const query = mark < 0 ? '' : target.slice(mark + 1);
  const info: RequestInfo = {
    isResource: false,
    verb: method.toLowerCase(),
    apiPrefix: '',
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    path,
    longRunning: false,
  };
  resolve(info, method, query);
  info.longRunning =
    LONG_RUNNING_VERBS.has(info.verb) ||
    (info.isResource ? LONG_RUNNING_SUBRESOURCES.has(info.subresource) : path.startsWith('/debug/pprof/'));
  return info;
}

function resolve(info: RequestInfo, method: string, query: string): void {
  let parts = splitPath(info.path);
  if (parts.length < 3) return;
  const prefix = parts[0] ?? '';
  if (prefix !== 'api' && prefix !== 'apis') return;
  info.apiPrefix = prefix;
  parts = parts.slice(1);
  if (prefix === 'apis') {
    if (parts.length < 3) return;
    info.group = parts[0] ?? '';
    parts = parts.slice(1);
  }
  info.isResource = true;
  info.version = parts[0] ?? '';
  parts = parts.slice(1);
  if (SPECIAL_VERBS.has(parts[0] ?? '')) {
    if (parts.length < 2) return;
    info.verb = parts[0] ?? '';
    parts = parts.slice(1);
  } else {
    info.verb = VERBS[method] ?? '';
  }
  nameParts(info, parts);
  if (info.name === '') refineCollection(info, query);
}

/** `namespaces/{ns}/{resource}/{name}/{subresource}/…`; the namespace itself is a resource if nothing but its subresource follows. */
function nameParts(info: RequestInfo, all: string[]): void {
  let parts = all;
  if (parts[0] === 'namespaces' && parts.length > 1) {
    info.namespace = parts[1] ?? '';
    if (parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2] ?? '')) parts = parts.slice(2);
  }
  info.resource = parts[0] ?? '';
  info.name = parts[1] ?? '';
  // What follows a name under the proxy verb is the proxied path.
  if (info.verb !== 'proxy') info.subresource = parts[2] ?? '';
}

/** Without a name, get is list or watch and delete is deletecollection; a field selector can still name one object. */
function refineCollection(info: RequestInfo, query: string): void {
  if (info.verb === 'delete') {
    info.verb = 'deletecollection';
    return;
  }
  if (info.verb !== 'get') return;
  const watch = queryValue(query, 'watch');
  // Any value but these, also none, is true: apimachinery/pkg/conversion/queryparams and runtime.Convert_Slice_string_To_bool.
  info.verb = watch !== undefined && watch !== '0' && watch.toLowerCase() !== 'false' ? 'watch' : 'list';
  info.name = exactName(queryValue(query, 'fieldSelector')) ?? '';
}

function splitPath(path: string): string[] {
  let start = 0;
  let end = path.length;
  while (start < end && path[start] === '/') start += 1;
  while (end > start && path[end - 1] === '/') end -= 1;
  return start === end ? [] : path.slice(start, end).split('/');
}

function decodePath(path: string): string {
  if (!/[%\u0080-\u00ff]/.test(path)) return path;
  const bytes = path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
