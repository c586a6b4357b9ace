import { expect, test } from 'vitest'
import { openReady } from '#tests/support/databases'

const { asAdministrator } = await openReady('postgres')

test.each([
  [
    'of tables it has these rights',
    `select relname || ': ' || lower(privilege_type) as "right"
      from pg_class, aclexplode(relacl) where grantee in ('todo_app'::regrole, 0)
      and relnamespace = 'public'::regnamespace order by 1`,
    ['kysely_migration: select', 'tasks: delete', 'tasks: insert', 'tasks: select'],
  ],
  [
    'of the columns of a task it may change these',
    `select attrelid::regclass || '.' || attname || ': ' || lower(privilege_type) as "right"
      from pg_attribute, aclexplode(attacl) where grantee in ('todo_app'::regrole, 0)
      and attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
      order by 1`,
    ['completed', 'description', 'title', 'updated_at', 'version'].map(
      (column) => `tasks.${column}: update`,
    ),
  ],
  [
    'it may call these functions of the service, which nobody else may',
    `select proname || ': ' || case grantee when 0 then 'public' else grantee::regrole::text end as "right"
      from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
      where pronamespace = 'public'::regnamespace and prosecdef and grantee <> proowner order by 1`,
    ['todo_forget_permits', 'todo_owner', 'todo_take_permit', 'todo_take_permits'].map(
      (name) => `${name}: todo_app`,
    ),
  ],
  [
    'it may neither log in, nor pass row-level security, nor take another role',
    `select (select count(*) from pg_auth_members where member = pg_roles.oid) || ' roles' as "right"
      from pg_roles where rolname = 'todo_app' and not (rolcanlogin or rolsuper or rolbypassrls
        or rolcreaterole or rolcreatedb or rolreplication)`,
    ['0 roles'],
  ],
])('the role of the requests: %s, and no other', async (_, catalog, rights) => {
  expect(await asAdministrator(catalog)).toEqual(rights.map((right) => ({ right })))
})
