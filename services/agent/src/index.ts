/** The agent, for the tests that run it in their own process. */

export * from './agent.ts';
export * from './config.ts';
