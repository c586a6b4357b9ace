import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase, transports } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

describe.each(transports)('on %s', (name) => {
  let opened: TestDatabase

  const of = (user: string) => statementsOf(opened.database.forUser(user), user)

  beforeAll(async () => {
    opened = await openTestDatabase(name)
    await opened.database.makeReady()
  })
  afterAll(() => opened?.close())

  test('the role and the user of a request are gone after it, and after its failure', async () => {
    const look = [
      {
        sql: `select current_user::text as role, coalesce(current_setting('app.user_id', true), '') as "user"`,
        parameters: [],
      },
    ]
    const alice = opened.database.forUser('alice')
    const bare = await opened.database.transport.transaction(look, 8000)
    const failing: (() => Promise<unknown>)[] = [
      () => of('alice').insert(crypto.randomUUID()),
      () => sql`select 1 / 0`.execute(alice),
      () => sql`select nonsense`.execute(alice),
      () => sql`syntax error`.execute(alice),
      () => statementsOf(alice, 'bob').insert(crypto.randomUUID()),
    ]
    for (const request of failing) {
      await request().catch((error) => expect(error.name).toBe('DatabaseError'))
      // As many as there can be connections, so that each is looked at.
      const looks = Array.from({ length: 10 }, () =>
        opened.database.transport.transaction(look, 8000),
      )
      for (const found of await Promise.all(looks)) {
        expect(found[0]?.[0]).toMatchObject({ user: '' })
        expect(found).toEqual(bare)
      }
    }
  })

  test('two users at the same time never share a setting', async () => {
    const seen = sql<{ seen: string }>`select current_setting('app.user_id') as seen`
    const answers = Array.from({ length: 200 }, async (_, index) => {
      const userId = `user-${index}`
      const { rows } = await seen.execute(opened.database.forUser(userId))
      return rows[0]?.seen === userId
    })
    expect((await Promise.all(answers)).every(Boolean)).toBe(true)
  })
})
