// What a Kubernetes request is: its target, headers, meaning and identity, and how a refusal looks.
export * from './constants.ts';
export { KubeError } from './errors.ts';
export type { KubeErrorCode } from './errors.ts';
export { bearerToken } from './bearer.ts';
export { canonicalName } from './header-names.ts';
export { forwardRequestHeaders, forwardResponseHeaders } from './headers.ts';
export { impersonationHeaders } from './impersonation.ts';
export { rewriteLocation } from './location.ts';
export type { LocationRewrite } from './location.ts';
export { requestInfo } from './request-info.ts';
export type { RequestInfo } from './request-info.ts';
export { REFUSALS, Refusal, refusalHeaders, refuse, statusBody, toRefusal } from './status.ts';
export type { RefusalCode, RefusalDetail } from './status.ts';
export { checkTarget, isClusterName, isForwardableMethod, parseClusterTarget } from './target.ts';
export { announcesBody, upgradeHeaders, upgradeToken } from './upgrade.ts';
export type { UpgradeToken } from './upgrade.ts';
export {
  IdentitySchema,
  RequestHeadSchema,
  ResponseHeadSchema,
  decodeRequestHead,
  decodeResponseHead,
  encodeRequestHead,
  encodeResponseHead,
} from './wire.ts';
export type { Identity, ImpersonatedIdentity, RequestHead, ResponseHead } from './wire.ts';
