// Receives the authorization code on a loopback port (RFC 8252 section 7.3) while the user's browser signs in.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';

const WAIT_MS = 300_000;

/**
 * Shows (and opens) the URL that `authorizationUrl` makes for our redirect URI; resolves to the full URL the browser
 * came back with, still unchecked but for `state`. Rejects CliError ERR_CLI_LOGIN_FAILED after 5 minutes, ERR_CLI_INTERRUPTED.
 */
export async function receiveCode(
  io: Io,
  host: string,
  state: string,
  openBrowser: boolean,
  authorizationUrl: (redirectUri: string) => URL,
): Promise<URL> {
  const answered = Promise.withResolvers<URL>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', redirectUri);
    // Another local process may knock: only the answer to our own question counts.
    if (url.pathname !== '/' || url.searchParams.get('state') !== state) {
      response.writeHead(404, { connection: 'close' }).end();
      return;
    }
    const failed = url.searchParams.has('error');
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
    response.end(
      failed ? 'Sign-in failed. See the terminal.\n' : 'You are signed in. You may close this page.\n',
    );
    answered.resolve(url);
  });
  const aborted = (): void => answered.reject(new CliError('ERR_CLI_INTERRUPTED', 'interrupted'));
  const late = (): void =>
    answered.reject(new CliError('ERR_CLI_LOGIN_FAILED', 'nobody signed in within 5 minutes'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const redirectUri = `http://${host}:${(server.address() as AddressInfo).port}/`;
  const timer = setTimeout(late, WAIT_MS);
  io.signal.addEventListener('abort', aborted, { once: true });
  try {
    const url = authorizationUrl(redirectUri).href;
    io.note(`To sign in, open ${url}`);
    if (openBrowser) launch(url);
    return await answered.promise;
  } finally {
    clearTimeout(timer);
    io.signal.removeEventListener('abort', aborted);
    server.close();
    server.closeIdleConnections();
  }
}

/** Opens the browser if there is one; the URL was printed, so a failure is no matter. */
function launch(url: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(program, [url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
