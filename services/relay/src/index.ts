/** The relay, for the tests that run it in their own process. */

export * from './config.ts';
export * from './relay.ts';
