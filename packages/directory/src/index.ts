/** Clusters, their agents' keys, and the links that are up. */

export * from './errors.ts';
export * from './link-table.ts';
export * from './registry.ts';
export * from './sqlite-registry.ts';
