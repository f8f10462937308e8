/** What a client must know to sign in at an issuer; nothing here is secret or used in verification. */
import type { IssuerConfig } from './issuers-schema.ts';

export interface LoginOptions {
  name: string;
  /** The issuer's URL, for OpenID Connect discovery. */
  issuer: string;
  clientId: string;
  scopes: string[];
}

/** Undefined for an issuer where people do not sign in (CI, other relays' tokens). */
export function loginOptions(config: IssuerConfig): LoginOptions | undefined {
  if (config.login === undefined) return undefined;
  const { clientId, scopes } = config.login;
  return { name: config.name, issuer: issuerUrl(config), clientId, scopes };
}

function issuerUrl({ preset, issuer = 'https://login.microsoftonline.com', tenant }: IssuerConfig): string {
  if (preset !== 'entra') return issuer;
  const base = issuer.replace(/\/$/, '');
  return base.includes(`/${tenant}`) ? base : `${base}/${tenant}/v2.0`;
}
