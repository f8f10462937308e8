/** Errors of `/api/v1` and `/agent/v1`, answered as a Kubernetes Status so that one client code reads them all. */

import type { FastifyInstance } from 'fastify';
import { Refusal, refusalHeaders, statusBody } from '@fairlead/kube';

/** `code` is stable; `message` says what to do. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

const REASONS: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
};

/** Installs the one error answer of the API. Whatever is unexpected is logged and answered without its text. */
export function installErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    void reply
      .code(404)
      .send(
        status(404, 'ERR_NOT_FOUND', `there is nothing at ${request.method} ${request.url.split('?')[0]}`),
      );
  });
  app.setErrorHandler(
    (error: Error & { statusCode?: number; code?: string; status?: number }, request, reply) => {
      if (error instanceof Refusal) {
        const body = statusBody(error, request.id);
        const headers = refusalHeaders(error, body.length);
        for (let i = 0; i < headers.length; i += 2) void reply.header(headers[i] ?? '', headers[i + 1] ?? '');
        return reply.code(error.status).send(body);
      }
      const code = error instanceof ApiError ? error.status : (error.statusCode ?? 500);
      if (code >= 500) request.log.error({ err: error }, 'unexpected');
      const message =
        code >= 500 ? `the relay failed unexpectedly; its log says more (id ${request.id})` : error.message;
      return reply
        .code(code)
        .send(status(code, code >= 500 ? 'ERR_INTERNAL' : (error.code ?? 'ERR_API_REQUEST'), message));
    },
  );
}

function status(code: number, cause: string, message: string): object {
  const reason = REASONS[code] ?? 'InternalError';
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details: { causes: [{ reason: cause, message }] },
    code,
  };
}
