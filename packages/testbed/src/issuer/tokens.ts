/** Makes the double's keys and tokens, in the shapes of Entra v1, Entra v2 and a plain provider. */
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Person } from './people.ts';

/** `v2`, `v1`: the tenant's two Entra issuers. `plain`: names in `email`, no tenant. */
export type Realm = 'v2' | 'v1' | 'plain';
export interface SigningKey {
  kid: string;
  alg: 'RS256' | 'ES256';
  privateKey: CryptoKey;
  publicJwk: JWK;
}
export interface MintOptions {
  realm?: Realm;
  audience?: string;
  lifetimeSeconds?: number;
  /** Merged over the usual header; the double signs whatever it is told to. */
  header?: Record<string, unknown>;
  key?: SigningKey;
}

const GROUPS_IN_A_TOKEN = 200;

export async function newSigningKey(alg: SigningKey['alg'] = 'RS256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = randomUUID();
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** `iss` of a realm, as Entra writes them: v1 ends with a slash, v2 does not. */
export function issuerOf(url: string, tenant: string, realm: Realm): string {
  if (realm === 'plain') return url;
  return realm === 'v2' ? `${url}/${tenant}/v2.0` : `${url}/${tenant}/`;
}

/** What the token says of a person, without times and audience (Entra's access token claims reference). */
export function personClaims(person: Person, tenant: string, realm: Realm): Record<string, unknown> {
  if (realm === 'plain') {
    const named =
      person.upn === undefined
        ? {}
        : { email: person.upn, email_verified: true, preferred_username: person.upn };
    return { sub: person.oid, name: person.name, ...named, groups: person.groups };
  }
  const name = person.upn === undefined ? { idtyp: 'app' } : { upn: person.upn, name: person.name };
  return {
    sub: person.oid,
    oid: person.oid,
    tid: tenant,
    ver: realm === 'v2' ? '2.0' : '1.0',
    ...name,
    ...(person.upn === undefined
      ? {}
      : { [realm === 'v2' ? 'preferred_username' : 'unique_name']: person.upn }),
    ...entraGroups(person, tenant),
  };
}

/** Signs `claims`; a claim that is undefined is left out. */
export async function sign(
  claims: Record<string, unknown>,
  key: SigningKey,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
    .sign(key.privateKey);
}

function entraGroups(person: Person, tenant: string): Record<string, unknown> {
  if (person.groups.length <= GROUPS_IN_A_TOKEN) return { groups: person.groups };
  const endpoint = `https://graph.windows.net/${tenant}/users/${person.oid}/getMemberObjects`;
  return { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint } } };
}
