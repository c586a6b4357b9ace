import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '#tests/support/databases'

let opened: TestDatabase

beforeAll(async () => {
  opened = await openTestDatabase('postgres')
  await opened.database.makeReady()
})
afterAll(() => opened?.close())

/** What the role of the requests has been given, by what it is given for. */
async function rightsOn(catalog: string): Promise<string[]> {
  const rows = await opened.asAdministrator(catalog)
  return rows.map(({ right }) => String(right)).sort()
}

test('the role of the requests may do this to tables, and nothing else', async () => {
  const rights = await rightsOn(
    `select relname || ': ' || lower(privilege_type) as right
      from pg_class, aclexplode(relacl) where grantee in ('todo_app'::regrole, 0)
      and relnamespace = 'public'::regnamespace`,
  )
  expect(rights).toEqual([
    'kysely_migration: select',
    ...['delete', 'insert', 'select'].map((right) => `tasks: ${right}`),
  ])
})

test('and of the columns of a task it may change these', async () => {
  const rights = await rightsOn(
    `select attrelid::regclass || '.' || attname || ': ' || lower(privilege_type) as right
      from pg_attribute, aclexplode(attacl) where grantee in ('todo_app'::regrole, 0)
      and attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)`,
  )
  expect(rights).toEqual(
    ['completed', 'description', 'title', 'updated_at', 'version'].map(
      (column) => `tasks.${column}: update`,
    ),
  )
})

test('and it may call these functions of the service, which nobody else may', async () => {
  const rights = await rightsOn(
    `select proname || ': ' || case grantee when 0 then 'public' else grantee::regrole::text end as right
      from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
      where pronamespace = 'public'::regnamespace and prosecdef and grantee <> proowner`,
  )
  expect(rights).toEqual(
    ['todo_forget_permits', 'todo_owner', 'todo_take_permit', 'todo_take_permits'].map(
      (name) => `${name}: todo_app`,
    ),
  )
})

test('and it may neither log in, nor pass row-level security, nor take another role', async () => {
  const [role] = await opened.asAdministrator(
    `select rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
      (select count(*)::int from pg_auth_members where member = pg_roles.oid) as "memberOf"
      from pg_roles where rolname = 'todo_app'`,
  )
  expect(Object.values(role ?? {})).toEqual([...Array(6).fill(false), 0])
})
