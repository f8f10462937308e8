// The one spelling of a relay's URL.
import { CliError } from './errors.ts';

/** A relay URL in its one spelling: https (http only for loopback), no query, no end slash. Throws ERR_CLI_RELAY_URL. */
export function relayUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `https://${text}`);
  } catch {
    throw new CliError(
      'ERR_CLI_RELAY_URL',
      `relay "${text}" is not a URL, expected one such as https://relay.example.com`,
    );
  }
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) {
    throw new CliError('ERR_CLI_RELAY_URL', `relay "${url.origin}" must be an https URL`);
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new CliError('ERR_CLI_RELAY_URL', 'the relay URL must have no user name, query or fragment');
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}
