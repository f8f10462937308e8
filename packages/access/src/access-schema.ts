/** The configuration of gate 1: who may use which cluster at all, and who administers the relay. */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const Names = Type.Optional(
  Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 10_000, default: [] }),
);

export const AccessRuleSchema = Type.Object(
  {
    /** A cluster's name, or `*` for all of them. */
    cluster: Type.String({ pattern: '^(\\*|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$' }),
    /** User names exactly as the issuer's configuration makes them, prefix included. */
    users: Names,
    /** Group names, likewise; for Entra the object id. */
    groups: Names,
    /** `namespace:name`, of the cluster itself; `*` for every service account of it. */
    serviceAccounts: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^(\\*|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$',
        }),
        { maxItems: 10_000, default: [] },
      ),
    ),
  },
  closed,
);
export const AccessSchema = Type.Array(AccessRuleSchema, { maxItems: 10_000, default: [] });
export type AccessRule = Static<typeof AccessRuleSchema>;

export const AdminsSchema = Type.Object({ users: Names, groups: Names }, { ...closed, default: {} });
export type Admins = Static<typeof AdminsSchema>;
