import { describe, expect, test } from 'vitest'
import { proveIsolation } from '#db/isolation'
import type { Row, Statement, Transport } from '#db/transports/transport'
import { newDatabase, options, server, start } from '#tests/support/databases'
import { createLogin } from '#tests/support/postgres'

const { url, sql } = await newDatabase()
const database = await start(url)

/** The same transport, with other statements than it is given. */
const changing = (change: (statement: Statement) => Statement): Transport => ({
  ...database.transport,
  transaction: (statements, timeoutMs) =>
    database.transport.transaction(statements.map(change), timeoutMs),
})

test.each([
  ['bypasses row-level security', 'bypassrls', false, /NOBYPASSRLS/],
  ['owns the table', '', true, /member of the owner/],
])('where the role itself %s, the wall counts as broken', async (_, attributes, isOwner, says) => {
  // The role belongs to the cluster, so it is another one that stands in for it here.
  const role = await createLogin(server, attributes)
  const asRole = changing(({ sql, parameters }) => ({
    sql: sql.replace('current_user::text', `case current_user when '${role}' then 'todo_app' end`),
    parameters: parameters.map((value) => (value === 'todo_app' ? role : value)),
  }))
  const owner = isOwner ? role : 'postgres'
  await sql(`grant select on kysely_migration to ${role}`, `alter table tasks owner to ${owner}`)
  await expect(proveIsolation(asRole, options.limits)).rejects.toThrow(says)
  await sql('alter table tasks owner to postgres')
})

test('where role and user do not reach the statement, as behind a pooler that forgets them, the wall counts as broken', async () => {
  const forgetful: Transport = {
    ...database.transport,
    async transaction(statements, timeoutMs) {
      const results: Row[][] = []
      for (const statement of statements) {
        const [rows = []] = await database.transport.transaction([statement], timeoutMs)
        results.push(rows)
      }
      return results
    },
  }
  const halfForgetful = changing(({ sql, parameters }) => ({
    sql: sql.replace("'app.user_id', $2", "'app.nobody', $2"),
    parameters,
  }))
  const broken = {
    kind: 'not_isolated',
    message: expect.stringContaining('pooler in statement mode'),
  }
  for (const transport of [forgetful, halfForgetful]) {
    await expect(proveIsolation(transport, options.limits)).rejects.toMatchObject(broken)
  }
})

describe('a right of the role past the wall', async () => {
  const readiness = () =>
    database.isReady().then(
      () => 'ready',
      ({ kind, message }) => `${kind}: ${message}`,
    )

  await sql('create table labels (id text, user_id text)')

  test('is one of all that Postgres knows: these write, and the others do not', async () => {
    const known = await sql(
      `select lower(privilege_type) as "right" from aclexplode(acldefault('r', 10::oid))`,
    )
    const others = known.map(({ right }) => right).filter((right) => !writes.includes(`${right}`))
    // `maintain` is new in Postgres 17.
    expect(['select', 'references', 'trigger', 'maintain']).toEqual(expect.arrayContaining(others))
    expect(others.length).toBe(known.length - writes.length)
  })

  const writes = ['insert', 'update', 'delete', 'truncate']
  const grants = [
    ...writes.map((right) => [right, 'todo_app']),
    ...['insert (id)', 'update (id)'].map((right) => [right, 'public']),
  ]

  test.each(grants)('%s, given to %s, on a table without a wall', async (right, grantee) => {
    expect(await readiness()).toBe('ready')
    await sql(`grant ${right} on labels to ${grantee}`)
    // Another program would lose sight of its rows by forced row-level security.
    expect(await readiness()).toMatch(/^not_isolated: .*Run: REVOKE ALL ON labels /)
    await sql(`revoke all on labels from ${grantee}`)
    expect(await readiness()).toBe('ready')
  })

  test('on a table of partitions without a wall', async () => {
    await sql(
      'create table notes (user_id text) partition by hash (user_id)',
      'create table notes_0 partition of notes for values with (modulus 1, remainder 0)',
      'grant insert on notes to todo_app',
    )
    expect(await readiness()).toContain('REVOKE ALL ON notes FROM todo_app, PUBLIC;')
    await sql('drop table notes')
    expect(await readiness()).toBe('ready')
  })
})
