/** Who may use which cluster, and as whom. */
export { Access, type Decision, type PrincipalLike } from './access.ts';
export {
  type AccessRule,
  AccessRuleSchema,
  AccessSchema,
  type Admins,
  AdminsSchema,
} from './access-schema.ts';
