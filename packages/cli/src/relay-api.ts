// The relay's HTTP API as the CLI uses it, each answer checked once.
import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { CliError, reasonOf } from './errors.ts';
import { httpClient } from './http.ts';

const LoginSchema = Type.Object({
  issuers: Type.Array(
    Type.Object({
      name: Type.String(),
      issuer: Type.String(),
      clientId: Type.String(),
      scopes: Type.Array(Type.String()),
    }),
  ),
});
const WhoamiSchema = Type.Object({
  user: Type.String(),
  groups: Type.Array(Type.String()),
  issuer: Type.String(),
  admin: Type.Boolean(),
});
const ClusterSchema = Type.Object({
  name: Type.String(),
  connected: Type.Boolean(),
  links: Type.Optional(Type.Number()),
  agents: Type.Optional(Type.Number()),
  createdAt: Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Null()])),
});
const ClustersSchema = Type.Object({ clusters: Type.Array(ClusterSchema) });
const AddedSchema = Type.Object({
  cluster: Type.Object({ name: Type.String() }),
  joinToken: Type.String(),
  joinTokenExpiresAt: Type.Optional(Type.Union([Type.String(), Type.Number()])),
});
const StatusSchema = Type.Object({
  kind: Type.Literal('Status'),
  message: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
});

export type LoginInfo = Static<typeof LoginSchema>;
export type Whoami = Static<typeof WhoamiSchema>;
export type Cluster = Static<typeof ClusterSchema>;
export type AddedCluster = Static<typeof AddedSchema>;

/**
 * Calls one relay. Every method throws CliError: ERR_CLI_RELAY_UNREACHABLE, ERR_CLI_REFUSED (the relay's own words),
 * ERR_CLI_RELAY_ANSWER (not a relay's answer).
 */
export class RelayApi {
  readonly #relay: string;
  readonly #ca: string | undefined;
  readonly #token: (() => Promise<string>) | undefined;

  constructor(relay: string, ca: string | undefined, token?: () => Promise<string>) {
    this.#relay = relay;
    this.#ca = ca;
    this.#token = token;
  }

  login(): Promise<LoginInfo> {
    return this.#call('GET', '/api/v1/login', LoginSchema);
  }

  whoami(): Promise<Whoami> {
    return this.#call('GET', '/api/v1/whoami', WhoamiSchema);
  }

  async clusters(): Promise<Cluster[]> {
    return (await this.#call('GET', '/api/v1/clusters', ClustersSchema)).clusters;
  }

  addCluster(name: string): Promise<AddedCluster> {
    return this.#call('POST', '/api/v1/clusters', AddedSchema, { name });
  }

  async removeCluster(name: string): Promise<void> {
    await this.#call('DELETE', `/api/v1/clusters/${encodeURIComponent(name)}`, undefined);
  }

  async #call<T extends TSchema>(method: string, path: string, schema: T, body?: unknown): Promise<Static<T>>;
  async #call(method: string, path: string, schema: undefined): Promise<unknown>;
  async #call(method: string, path: string, schema: TSchema | undefined, body?: unknown): Promise<unknown> {
    await using http = httpClient(this.#ca);
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#token) headers.authorization = `Bearer ${await this.#token()}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    let status: number;
    let text: string;
    try {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      ({ status, text } = await http.send(method, this.#relay + path, headers, sent));
    } catch (error) {
      const message = `relay ${this.#relay} cannot be reached: ${reasonOf(error)}`;
      throw new CliError('ERR_CLI_RELAY_UNREACHABLE', message, { cause: error });
    }
    const value = parseJson(text);
    if (status < 200 || status > 299) throw this.#refusal(status, value);
    if (schema === undefined) return value;
    if (Compile(schema).Check(value)) return value;
    throw new CliError(
      'ERR_CLI_RELAY_ANSWER',
      `${this.#relay} does not answer as a Fairlead relay; is the URL right?`,
    );
  }

  #refusal(status: number, value: unknown): CliError {
    if (Compile(StatusSchema).Check(value)) {
      return new CliError(
        'ERR_CLI_REFUSED',
        `the relay refused (${value.reason ?? status}): ${value.message ?? 'no reason given'}`,
      );
    }
    return new CliError(
      'ERR_CLI_RELAY_ANSWER',
      `${this.#relay} answered HTTP ${status}, not as a Fairlead relay; is the URL right?`,
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
