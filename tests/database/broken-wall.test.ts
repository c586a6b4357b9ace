import { expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { proveIsolation } from '#db/isolation'
import type { Row, Transport } from '#db/transports/transport'
import { options } from '#tests/support/databases'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))

test('where the role itself bypasses, or owns the table, the wall counts as broken', async () => {
  // The role belongs to the cluster, so it is another one that stands in for it here.
  const name = await createDatabase(server)
  const database = await openDatabase({ ...options, url: server.url(name) })
  await database.makeReady()
  const asRole = (role: string) => ({
    ...database.transport,
    transaction: (...[statements, timeoutMs]: Parameters<typeof database.transport.transaction>) =>
      database.transport.transaction(
        statements.map(({ sql, parameters }) => ({
          sql: sql.replace(
            'current_user::text',
            `case current_user when '${role}' then 'todo_app' end`,
          ),
          parameters: parameters.map((value) => (value === 'todo_app' ? role : value)),
        })),
        timeoutMs,
      ),
  })
  const mighty = await createLogin(server, 'bypassrls')
  await runSql(server.url(name), `grant select on kysely_migration to ${mighty}`)
  await expect(proveIsolation(asRole(mighty), options.limits)).rejects.toThrow(/NOBYPASSRLS/)
  const owner = await createLogin(server)
  await runSql(
    server.url(name),
    `grant select on kysely_migration to ${owner}`,
    `alter table tasks owner to ${owner}`,
  )
  await expect(proveIsolation(asRole(owner), options.limits)).rejects.toThrow(/REVOKE/)
  await database.close()
})

test('where role and user do not reach the statement, as behind a pooler that forgets them, the wall counts as broken', async () => {
  const name = await createDatabase(server)
  const database = await openDatabase({ ...options, url: server.url(name) })
  await database.makeReady()
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
  await expect(proveIsolation(forgetful, options.limits)).rejects.toMatchObject({
    kind: 'not_isolated',
    message: expect.stringContaining('pooler in statement mode'),
  })
  const halfForgetful: Transport = {
    ...database.transport,
    transaction(statements, timeoutMs) {
      const withoutUser = statements.map(({ sql, parameters }) => ({
        sql: sql.replace("'app.user_id', $2", "'app.nobody', $2"),
        parameters,
      }))
      return database.transport.transaction(withoutUser, timeoutMs)
    },
  }
  await expect(proveIsolation(halfForgetful, options.limits)).rejects.toMatchObject({
    kind: 'not_isolated',
  })
  await database.close()
})
