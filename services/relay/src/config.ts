/** The relay's configuration: its keys, defaults and meaning. */

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { AccessSchema } from '@fairlead/access';
import { ConfigError, loadConfig, readText, type Environment } from '@fairlead/config';
import { IssuersSchema } from '@fairlead/identity';
import { Type, type Static } from 'typebox';

const Closed = { additionalProperties: false } as const;
const Port = (value: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: value, description });
const Names = (description: string) =>
  Type.Array(Type.String({ minLength: 1 }), { default: [], description });

export const RelayConfigSchema = Type.Object(
  {
    listen: Type.Object(
      {
        host: Type.String({ default: '0.0.0.0', description: 'Address of the public TLS listener' }),
        port: Port(8443, 'Port of the public TLS listener: people, agents and the API'),
      },
      { ...Closed, default: {} },
    ),
    internal: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1', description: 'Address of the internal listener' }),
        port: Port(9443, 'Port of the internal listener: /livez, /readyz, /metrics'),
      },
      { ...Closed, default: {} },
    ),
    tls: Type.Object(
      {
        certFile: Type.String({ description: 'PEM file of the certificate and its chain' }),
        keyFile: Type.String({ description: 'PEM file of its private key' }),
      },
      Closed,
    ),
    hosts: Names(
      'Names (host or host:port) that agents and people reach the relay by; default: those of the certificate',
    ),
    baseDomain: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9.-]+$',
        description: 'Clusters are also reached as {name}.{baseDomain}',
      }),
    ),
    storage: Type.Object(
      {
        file: Type.String({
          description: 'SQLite file of clusters and agent keys; :memory: forgets at the end',
        }),
      },
      Closed,
    ),
    issuers: IssuersSchema,
    access: AccessSchema,
    admins: Type.Object(
      { users: Names('Users who administer the relay'), groups: Names('Groups who administer the relay') },
      { ...Closed, default: {} },
    ),
    joinTokenTtl: Type.String({
      pattern: '^[0-9]+(s|m|h)$',
      default: '1h',
      description: 'How long a join token can be used',
    }),
    logLevel: Type.Union(
      [Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')],
      {
        default: 'info',
        description: 'Least level of log lines',
      },
    ),
  },
  Closed,
);

export type RelayConfig = Static<typeof RelayConfigSchema> & {
  tlsPem: { cert: string; key: string };
  development: boolean;
};

/** Reads the configuration and its certificate. Throws ConfigError, a line for each key that is wrong. */
export function loadRelayConfig(options: { file: string; env: Environment }): RelayConfig {
  const raw = loadConfig(RelayConfigSchema, { ...options, prefix: 'FAIRLEAD_', ignore: ['FAIRLEAD_HOME'] });
  const cert = readText(raw.tls.certFile, 'tls.certFile');
  const key = readText(raw.tls.keyFile, 'tls.keyFile');
  return { ...raw, tlsPem: checkedPair(cert, key, raw.tls.certFile, raw.tls.keyFile), development: false };
}

function checkedPair(
  cert: string,
  key: string,
  certFile: string,
  keyFile: string,
): { cert: string; key: string } {
  const problem = (name: string, text: string, cause?: unknown): ConfigError =>
    new ConfigError('ERR_CONFIG_INVALID', [{ key: name, problem: text }], { cause });
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(cert);
  } catch (cause) {
    throw problem('tls.certFile', `${certFile} holds no PEM certificate`, cause);
  }
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw problem('tls.keyFile', `${keyFile} is no private key of the certificate in ${certFile}`, cause);
  }
  if (x509.validToDate.getTime() < Date.now()) {
    throw problem('tls.certFile', `the certificate in ${certFile} expired on ${x509.validTo}`);
  }
  return { cert, key };
}
