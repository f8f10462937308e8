/** `/agent/v1`: enrolment by join token, and the WebSocket of each link. */

import type { EventEmitter } from 'node:events';
import type { Server } from 'node:https';
import { DirectoryError, type Registry } from '@fairlead/directory';
import {
  EnrolRequestSchema,
  EnrolResponseSchema,
  keyIdOf,
  verifyEnrolment,
  type EnrolRequest,
} from '@fairlead/enrolment';
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import type { AgentLinks } from './agent-links.ts';
import { ApiError } from './api-error.ts';

/** A message of the tunnel is at most this; the rest of the tunnel's limits are checked frame by frame. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

export interface AgentApiOptions {
  registry: Registry;
  links: AgentLinks;
  isOwnHost(host: string): boolean;
  /** Emits `upgrade` for agents' requests only: the plugin would take every upgrade of a real server. */
  upgrades: EventEmitter;
}

export async function agentApi(app: FastifyInstance, options: AgentApiOptions): Promise<void> {
  await app.register(websocket, {
    options: {
      server: options.upgrades as Server,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    },
  });
  app.get('/agent/v1/link', { websocket: true }, (socket) => options.links.accept(socket));
  app.post<{ Body: EnrolRequest }>(
    '/agent/v1/enroll',
    { bodyLimit: 8192, schema: { body: EnrolRequestSchema, response: { 200: EnrolResponseSchema } } },
    (request) => enrol(request.body, options),
  );
}

function enrol(
  body: EnrolRequest,
  { registry, isOwnHost }: AgentApiOptions,
): { cluster: string; keyId: string } {
  if (!isOwnHost(body.audience.toLowerCase())) {
    throw new ApiError(
      400,
      'ERR_API_AUDIENCE',
      `the agent dialled '${body.audience.slice(0, 60)}', which is no name of this relay`,
    );
  }
  let held = false;
  try {
    held = verifyEnrolment(body, body.signature);
  } catch {
    // A malformed key is no proof either.
  }
  if (!held) throw new ApiError(403, 'ERR_API_PROOF', 'the proof of possession does not hold');
  try {
    const key = registry.redeemJoinToken(body.joinToken, {
      keyId: keyIdOf(body.publicKey),
      publicKey: body.publicKey,
    });
    return { cluster: key.cluster, keyId: key.keyId };
  } catch (error) {
    if (error instanceof DirectoryError && error.code === 'ERR_DIRECTORY_KEY_TAKEN') {
      throw new ApiError(403, error.code, `${error.message}; remove its key file to make a new one`);
    }
    if (error instanceof DirectoryError && error.code.startsWith('ERR_DIRECTORY_TOKEN')) {
      throw new ApiError(403, error.code, `${error.message}; make a new one with "fairlead clusters add"`);
    }
    throw error;
  }
}
