/** The agent's key: read from its file, or made and enrolled with a one-time join token. */

import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError, readText } from '@fairlead/config';
import {
  audienceOf,
  EnrolmentError,
  exportAgentKey,
  newAgentKey,
  parseAgentKey,
  parseEnrolResponse,
  signEnrolment,
  type AgentKey,
} from '@fairlead/enrolment';
import { Agent as Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import type { AgentConfig } from './config.ts';
import { AgentError } from './errors.ts';

/** The enrolled key. Throws AgentError (`retry` says whether waiting can help) or ConfigError. */
export async function agentKey(config: AgentConfig): Promise<AgentKey> {
  if (existsSync(config.keyFile)) return parseAgentKey(readText(config.keyFile, 'keyFile'));
  if (config.joinTokenFile === undefined) {
    throw new ConfigError('ERR_CONFIG_INVALID', [
      { key: 'joinTokenFile', problem: `is needed to enrol: there is no key in ${config.keyFile} yet` },
    ]);
  }
  // The key is kept before it is enrolled: an answer lost on the way must not leave an enrolled key that nobody holds.
  const pending = `${config.keyFile}.pending`;
  const key = existsSync(pending)
    ? parseAgentKey(readText(pending, 'keyFile'))
    : keep(newAgentKey(), pending);
  await enrol(config, key, readText(config.joinTokenFile, 'joinTokenFile').trim());
  renameSync(pending, config.keyFile);
  return key;
}

function keep(key: AgentKey, file: string): AgentKey {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, exportAgentKey(key), { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new AgentError(
      'ERR_AGENT_KEY_FILE',
      `cannot write the agent's key to ${file}: ${(cause as Error).message}`,
      { cause },
    );
  }
  return key;
}

async function enrol(config: AgentConfig, key: AgentKey, joinToken: string): Promise<void> {
  const audience = audienceOf(config.relayUrl);
  const { publicKey } = key;
  const body = JSON.stringify({
    joinToken,
    publicKey,
    audience,
    signature: signEnrolment(key, { joinToken, publicKey, audience }),
  });
  const tls = config.relayCa === undefined ? {} : { ca: config.relayCa };
  const useProxy = ['HTTPS_PROXY', 'https_proxy'].some((name) => process.env[name]);
  const dispatcher = useProxy ? new EnvHttpProxyAgent({ requestTls: tls }) : new Dispatcher({ connect: tls });
  try {
    const answer = await request(new URL('/agent/v1/enroll', config.relayUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      dispatcher,
      headersTimeout: 10_000,
    });
    const text = (await answer.body.text()).slice(0, 4096);
    if (answer.statusCode !== 200) throw refused(answer.statusCode, text);
    parseEnrolResponse(text);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw unreachable(config.relayUrl, cause as Error);
  } finally {
    await dispatcher.close();
  }
}

function refused(status: number, text: string): AgentError {
  let message = '';
  try {
    message = String((JSON.parse(text) as { message?: unknown }).message ?? '');
  } catch {
    // Not our relay's JSON: the status alone has to do.
  }
  const what = message || `answered ${status}; is relay.url right?`;
  return new AgentError('ERR_AGENT_ENROLMENT', `the relay refused to enrol this agent: ${what}`, {
    retry: status >= 500,
  });
}

/** Words for a relay that cannot be reached, with what to do where the cause is known. */
export function unreachable(relay: URL, error: Error): AgentError {
  const cause = rootCause(error);
  if (cause instanceof EnrolmentError) {
    return new AgentError(
      'ERR_AGENT_RELAY_UNREACHABLE',
      `what answers at ${relay.origin} is no Fairlead relay; check relay.url`,
      { cause },
    );
  }
  const { code = '' } = cause as NodeJS.ErrnoException;
  const untrusted = /CERT|SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY|ALTNAME/.test(code);
  const hint = untrusted
    ? '; set relay.caFile to the CA of its certificate, and relay.url to a name that it is for'
    : '';
  const message = `cannot reach the relay at ${relay.origin}: ${cause.message || code}${hint}`;
  return new AgentError('ERR_AGENT_RELAY_UNREACHABLE', message, { retry: !untrusted, cause });
}

/** The innermost cause: what a library wraps says less than what it wrapped. */
function rootCause(error: Error): Error {
  let inner = error;
  for (let depth = 0; depth < 8 && inner.cause instanceof Error; depth++) inner = inner.cause;
  return inner;
}
