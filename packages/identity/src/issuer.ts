/** One configured issuer, made ready: what its tokens must hold, where its keys are, how claims become names. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { checkAudience, checkRequired, checkTimes, verifiedClaims } from './claims.ts';
import { discoverKeysUrl, isAllowedUrl } from './discovery.ts';
import { IdentityError } from './errors.ts';
import { type FetchLimits, IssuerClient } from './fetch-json.ts';
import type { Algorithm, IssuerConfig } from './issuers-schema.ts';
import { KeySource, type KeyTimes, parseKeySet } from './key-source.ts';
import { groupNames, userName } from './names.ts';
import { freezePrincipal, type Principal } from './principal.ts';
import { type Claims, own, type UnverifiedToken } from './token.ts';

export interface IssuerContext {
  now: () => number;
  times: KeyTimes;
  limits: FetchLimits;
  /** http to a loopback address is allowed. */
  development: boolean;
}

/** What one exact `iss` stands for; an Entra tenant has two. */
export interface IssuerShape {
  iss: string;
  configurationUrl: URL;
  /** Entra: `ver` that goes with this `iss`. */
  ver?: '1.0' | '2.0';
}

const DEFAULT_TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt']);

export class Issuer {
  readonly config: IssuerConfig;
  readonly shape: IssuerShape;
  readonly keys: KeySource;
  readonly #now: () => number;
  readonly #algorithms: readonly Algorithm[];
  readonly #audiences: ReadonlySet<string>;

  /** Opens nothing yet. Throws IdentityError ERR_IDENTITY_CONFIG. */
  constructor(config: IssuerConfig, shape: IssuerShape, client: IssuerClient, context: IssuerContext) {
    this.config = config;
    this.shape = shape;
    this.#now = context.now;
    this.#algorithms = config.algorithms ?? ['RS256', 'ES256'];
    this.#audiences = new Set([config.audience].flat());
    this.keys = new KeySource(loader(config, shape, client, context.development), context.now, context.times);
  }

  /** Throws IdentityError, any code but _CONFIG. */
  async verify(token: string, seen: UnverifiedToken): Promise<Principal> {
    const alg = this.#algorithms.find((name) => name === seen.alg);
    if (alg === undefined) {
      throw new IdentityError(
        'ERR_IDENTITY_ALGORITHM',
        `algorithm is not one of ${this.#algorithms.join(', ')}`,
      );
    }
    this.#checkType(seen.typ);
    const key = await this.keys.find({ alg, ...(seen.kid === undefined ? {} : { kid: seen.kid }) });
    const claims = await verifiedClaims(token, key, [alg]);
    if (own(claims, 'iss') !== this.shape.iss)
      throw new IdentityError('ERR_IDENTITY_ISSUER_UNKNOWN', 'iss changed');
    const expiresAtMs = checkTimes(claims, this.#now(), this.config.clockSkewSeconds ?? 60, true);
    checkAudience(claims, this.#audiences);
    checkRequired(claims, this.config.requiredClaims ?? {});
    const principal = this.config.preset === 'entra' ? this.#entra(claims) : this.#oidc(claims);
    return freezePrincipal({ ...principal, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) });
  }

  /** RFC 8725 section 3.11: a logout token, say, is signed by the same keys. Media types know no case. */
  #checkType(typ: string | undefined): void {
    const given = typ?.toLowerCase().replace(/^application\//, '');
    const wanted = this.config.typ?.toLowerCase().replace(/^application\//, '');
    const accepted =
      wanted === undefined ? given === undefined || DEFAULT_TYPES.has(given) : given === wanted;
    if (!accepted) throw new IdentityError('ERR_IDENTITY_TYPE', 'token is of another type (typ)');
  }

  #oidc(claims: Claims): Principal {
    const claim = this.config.usernameClaim ?? 'sub';
    // As kube-apiserver's --oidc-username-claim=email: an address that nobody has confirmed is no name.
    const confirmed = own(claims, 'email_verified');
    if (claim === 'email' && confirmed !== undefined && confirmed !== true) {
      throw new IdentityError('ERR_IDENTITY_CLAIM', "claim 'email_verified' is not true");
    }
    return this.#principal(claims, claim, {});
  }

  /** Username as Azure's guard has it (auth/providers/azure/azure.go): `upn`, else `oid`; extra.oid; groups by id. */
  #entra(claims: Claims): Principal {
    if (own(claims, 'tid') !== this.config.tenant) {
      throw new IdentityError('ERR_IDENTITY_TENANT', "claim 'tid' is not the configured tenant");
    }
    if (own(claims, 'ver') !== this.shape.ver) {
      throw new IdentityError('ERR_IDENTITY_CLAIM', "claim 'ver' does not go with the issuer");
    }
    const oid = own(claims, 'oid');
    if (typeof oid !== 'string' || oid === '')
      throw new IdentityError('ERR_IDENTITY_CLAIM', "claim 'oid' is missing");
    return this.#principal(claims, own(claims, 'upn') === undefined ? 'oid' : 'upn', { oid: [oid] });
  }

  #principal(claims: Claims, claim: string, extra: Record<string, string[]>): Principal {
    const { name, usernamePrefix = '', groupsClaim = 'groups', groupsPrefix = '' } = this.config;
    const user = userName(claim, own(claims, claim), usernamePrefix);
    return { kind: 'user', issuer: name, user, groups: groupNames(claims, groupsClaim, groupsPrefix), extra };
  }
}

/** The exact issuers that a configuration entry stands for. Throws IdentityError ERR_IDENTITY_CONFIG. */
export function issuerShapes(config: IssuerConfig, development: boolean): IssuerShape[] {
  const wrong = (why: string) => new IdentityError('ERR_IDENTITY_CONFIG', `issuer '${config.name}': ${why}`);
  const { preset = 'oidc', tenant } = config;
  const issuer = config.issuer ?? (preset === 'entra' ? 'https://login.microsoftonline.com' : '');
  if (!URL.canParse(issuer)) throw wrong('issuer must be a URL');
  const url = new URL(issuer);
  if (!isAllowedUrl(url, development)) {
    throw wrong('issuer must be https (http only to a loopback address, in development)');
  }
  if (url.search !== '' || url.hash !== '') throw wrong('issuer must have no query and no fragment');
  const wellKnown = (of: string) => new URL(`${of.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (preset === 'oidc') {
    if (tenant !== undefined) throw wrong("tenant goes with preset 'entra' only");
    return [{ iss: issuer, configurationUrl: wellKnown(issuer) }];
  }
  if (tenant === undefined) throw wrong("preset 'entra' needs a tenant");
  if (config.usernameClaim !== undefined) throw wrong("usernameClaim is fixed by preset 'entra'");
  // The authority alone is asked for; the whole v2 issuer is what people paste.
  const authority = issuer.replace(new RegExp(`/${tenant}(/v2\\.0)?/?$`), '').replace(/\/$/, '');
  const v1 = authority === 'https://login.microsoftonline.com' ? 'https://sts.windows.net' : authority;
  const v2Issuer = `${authority}/${tenant}/v2.0`;
  return [
    { iss: v2Issuer, configurationUrl: wellKnown(v2Issuer), ver: '2.0' },
    { iss: `${v1}/${tenant}/`, configurationUrl: wellKnown(`${authority}/${tenant}`), ver: '1.0' },
  ];
}

/** Keys by file, read anew when the key source asks, so that a replaced file is picked up; or by discovery. */
function loader(
  config: IssuerConfig,
  shape: IssuerShape,
  client: IssuerClient,
  development: boolean,
): () => Promise<string> {
  const { jwksFile } = config;
  if (jwksFile === undefined) {
    return async () =>
      client.get(await discoverKeysUrl(client, shape.iss, shape.configurationUrl, development));
  }
  try {
    parseKeySet(readFileSync(jwksFile, 'utf8')); // say it at the start, not at the first token
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown error';
    throw new IdentityError('ERR_IDENTITY_CONFIG', `issuer '${config.name}': ${jwksFile}: ${why}`, {
      cause: error,
    });
  }
  return async () => {
    try {
      return await readFile(jwksFile, 'utf8');
    } catch (error) {
      throw new IdentityError('ERR_IDENTITY_ISSUER_UNAVAILABLE', `cannot read ${jwksFile}`, { cause: error });
    }
  };
}
