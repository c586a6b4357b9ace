import { readFileSync } from 'node:fs'
import { expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { sqlStates } from '#db/errors'
import { problemTypes } from '#lib/http/errors'
import { documented } from '#tests/database/sql-states'
import { options } from '#tests/support/databases'
import { createOwnedDatabase } from '#tests/support/earlier-migrations'
import { password, postgresAt, runSql } from '#tests/support/postgres'

const codes = {
  unavailable: 'database_unavailable',
  unknown_user: 'account_unknown',
  rate_limited: 'rate_limited',
} as const

test('the table of SQLSTATEs in docs/database.md is the one that the service uses', () => {
  const used = Object.entries(sqlStates).map(([name, { kind, transient }]) => {
    const code = codes[kind as keyof typeof codes]
    return [name, { status: problemTypes[code].status, code, isRetried: transient }]
  })
  const said = documented
    .filter(({ name }) => name !== 'any other')
    .map(({ name, status, code, isRetried }) => [name, { status, code, isRetried }])
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(used))
  expect(said).toHaveLength(used.length)
})

test('a login that owns nothing serves after the SQL in docs/database.md', async () => {
  const server = postgresAt(inject('postgresPort'))
  const { name, owner, url } = await createOwnedDatabase(server)
  // The databases of the tests share this role. Who creates it has the admin option.
  await runSql(server.url(name), `grant todo_app to ${owner} with admin option`)
  const migrating = await openDatabase({ ...options, url })
  await migrating.makeReady()
  await migrating.close()

  const page = readFileSync('docs/database.md', 'utf8')
  const [, sql = ''] = /```sql\n(CREATE ROLE todo_web[^`]*)```/.exec(page) ?? []
  const login = `${owner}_web`
  const statements = sql.replaceAll('todo_web', login).replace('…', password).trim().split('\n')
  expect(statements).toHaveLength(3)
  await runSql(url, ...statements)
  const serving = await openDatabase({ ...options, url: server.url(name, login) })
  await serving.makeReady()
  await serving.close()
})
