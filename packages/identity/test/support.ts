/** An issuer double and authenticators that trust it, for the tests of this package. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { makeCa } from '../../testbed/src/certs.ts';
import {
  DEMO_TENANT,
  type IssuerDouble,
  type IssuerOptions,
  startIssuer,
} from '../../testbed/src/issuer/index.ts';
import { Authenticator, type AuthenticatorOptions, type IssuerConfig, IdentityError } from '../src/index.ts';

export interface Bench {
  issuer: IssuerDouble;
  caFile: string;
  directory: string;
  /** Entra and plain entries of the double. */
  entra: IssuerConfig;
  plain: IssuerConfig;
  authenticator: (options?: Partial<AuthenticatorOptions>) => Authenticator;
}

type Scope = Pick<Test, 'teardown'>;

export async function bench(t: Scope, options: Partial<IssuerOptions> = {}): Promise<Bench> {
  const ca = await makeCa();
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-identity-'));
  const caFile = join(directory, 'ca.pem');
  writeFileSync(caFile, ca.cert);
  const issuer = await startIssuer({ tls: await ca.issue({ commonName: 'issuer' }), ...options });
  const made: Authenticator[] = [];
  t.teardown(async () => {
    await Promise.all(made.map((authenticator) => authenticator.close()));
    await issuer.close();
    rmSync(directory, { recursive: true });
  });
  const entra: IssuerConfig = {
    name: 'entra',
    preset: 'entra',
    issuer: issuer.url,
    tenant: DEMO_TENANT,
    audience: 'fairlead',
    caFile,
  };
  const plain: IssuerConfig = {
    name: 'plain',
    issuer: issuer.url,
    audience: 'fairlead',
    caFile,
    usernameClaim: 'email',
    usernamePrefix: 'oidc:',
    groupsPrefix: 'oidc:',
  };
  const authenticator = (more: Partial<AuthenticatorOptions> = {}) => {
    const one = new Authenticator({ issuers: [entra, plain], clusterKeys: () => undefined, ...more });
    made.push(one);
    return one;
  };
  return { issuer, caFile, directory, entra, plain, authenticator };
}

/** The code with which a token is refused; `accepted` if it is not. Fails if the token shows in the error. */
export async function refusal(
  authenticator: Authenticator,
  token: string,
  cluster?: string,
): Promise<string> {
  try {
    await authenticator.authenticate(token, cluster);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const shown = `${error.message} ${String(error.cause)} ${error.publicMessage}`;
    for (const part of token.split('.')) {
      if (part.length > 20 && shown.includes(part))
        throw new Error('the token is in the message', { cause: error });
    }
    return error.code;
  }
}
