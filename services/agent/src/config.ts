/** The agent's configuration: its keys, defaults and meaning. */

import { existsSync } from 'node:fs';
import { ConfigError, loadConfig, parseDuration, readText, type Environment } from '@fairlead/config';
import { Type, type Static } from 'typebox';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const Closed = { additionalProperties: false } as const;
const Duration = (value: string, description: string) =>
  Type.String({
    pattern: '^[0-9]+(ms|s|m|h)$',
    default: value,
    description,
    expected: 'a duration such as 30s',
  });

export const AgentConfigSchema = Type.Object(
  {
    relay: Type.Object(
      {
        url: Type.String({
          pattern: '^https://',
          description: "The relay's URL, as https://host[:port]",
          expected: 'a URL that begins with https://',
        }),
        caFile: Type.Optional(
          Type.String({
            description: "PEM file of the CA of the relay's certificate; default: the system's",
          }),
        ),
        links: Type.Integer({
          minimum: 1,
          maximum: 16,
          default: 2,
          description: 'Links to hold at the same time',
        }),
      },
      Closed,
    ),
    joinTokenFile: Type.Optional(
      Type.String({ description: 'File with the one-time join token; needed until the agent has enrolled' }),
    ),
    keyFile: Type.String({
      description: "File of the agent's private key (PEM); made, 0600, when the agent enrols",
    }),
    apiServer: Type.Optional(
      Type.Object(
        {
          url: Type.Optional(
            Type.String({ pattern: '^https://', description: "API server; default: the pod's own cluster" }),
          ),
          caFile: Type.Optional(Type.String({ description: 'PEM file of the CA of the API server' })),
          tokenFile: Type.Optional(
            Type.String({ description: 'Bearer token of the agent, read again as it rotates' }),
          ),
        },
        Closed,
      ),
    ),
    connectTimeout: Duration('10s', 'How long the API server may take to accept a connection'),
    responseTimeout: Duration(
      '60s',
      'How long the API server may take to begin an answer, save for watches and the like',
    ),
    health: Type.Optional(
      Type.Object(
        {
          host: Type.String({ default: '127.0.0.1', description: 'Address of the health listener' }),
          port: Type.Integer({
            minimum: 0,
            maximum: 65_535,
            default: 9444,
            description: 'Port of the health listener',
          }),
        },
        { ...Closed, default: {} },
      ),
    ),
    logLevel: Type.Union(
      [Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')],
      { default: 'info', description: 'Least level of log lines' },
    ),
  },
  Closed,
);

/** Configuration with everything resolved: durations in ms, the API server known, CA files read. */
export interface AgentConfig {
  relayUrl: URL;
  relayCa: string | undefined;
  links: number;
  joinTokenFile: string | undefined;
  keyFile: string;
  apiServer: { url: URL; ca: string | undefined; tokenFile: string };
  connectTimeoutMs: number;
  responseTimeoutMs: number;
  health: { host: string; port: number };
  logLevel: string;
}

/** Reads and resolves the configuration. Throws ConfigError, a line for each key that is wrong. */
export function loadAgentConfig(options: { file?: string; env: Environment }): AgentConfig {
  const raw = loadConfig(AgentConfigSchema, { ...options, prefix: 'FAIRLEAD_', ignore: ['FAIRLEAD_HOME'] });
  return {
    relayUrl: relayUrl(raw.relay.url),
    relayCa: raw.relay.caFile === undefined ? undefined : readCa(raw.relay.caFile, 'relay.caFile'),
    links: raw.relay.links,
    joinTokenFile: raw.joinTokenFile,
    keyFile: raw.keyFile,
    apiServer: apiServer(raw, options.env),
    connectTimeoutMs: parseDuration(raw.connectTimeout),
    responseTimeoutMs: parseDuration(raw.responseTimeout),
    health: { host: raw.health?.host ?? '127.0.0.1', port: raw.health?.port ?? 9444 },
    logLevel: raw.logLevel,
  };
}

function relayUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || url.username || url.password || url.search || url.hash || url.pathname !== '/') {
    throw new ConfigError('ERR_CONFIG_INVALID', [
      { key: 'relay.url', problem: `must be https://host[:port] and nothing more, not '${text}'` },
    ]);
  }
  return url;
}

function apiServer(raw: Static<typeof AgentConfigSchema>, env: Environment): AgentConfig['apiServer'] {
  const tokenFile = raw.apiServer?.tokenFile ?? `${SERVICE_ACCOUNT}/token`;
  const caFile =
    raw.apiServer?.caFile ??
    (existsSync(`${SERVICE_ACCOUNT}/ca.crt`) ? `${SERVICE_ACCOUNT}/ca.crt` : undefined);
  const host = env['KUBERNETES_SERVICE_HOST'];
  const text =
    raw.apiServer?.url ??
    (host && `https://${host.includes(':') ? `[${host}]` : host}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`);
  const url = text ? URL.parse(text) : null;
  if (!url) {
    throw new ConfigError('ERR_CONFIG_INVALID', [
      { key: 'apiServer.url', problem: 'is needed outside a pod, as https://host:port' },
    ]);
  }
  readText(tokenFile, 'apiServer.tokenFile');
  return { url, ca: caFile === undefined ? undefined : readCa(caFile, 'apiServer.caFile'), tokenFile };
}

function readCa(file: string, key: string): string {
  const pem = readText(file, key);
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new ConfigError('ERR_CONFIG_INVALID', [{ key, problem: `${file} holds no PEM certificate` }]);
  }
  return pem;
}
