import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { openCallerDatabase } from '#db/scoped'
import type { Transport } from '#db/transports/transport'
import { expectNothing } from '#tests/database/users'
import { withoutFirstWall } from '#tests/support/breached'
import { openReady, options, transports } from '#tests/support/databases'
import { statementsOf, tasksOf } from '#tests/support/statements'

const alicesTask = 'aaaaaaaa-0000-4000-8000-000000000001'
const bobsTask = 'bbbbbbbb-0000-4000-8000-000000000002'
const refused = { sqlState: '42501' }
const mixedUp = { kind: 'internal', message: expect.stringContaining('the user that asked') }

/** Sends everything as the administrator, for another user than the one who asks. */
function mixingUpUsers(transport: Transport, asked: string, answered: string): Transport {
  return {
    ...transport,
    async transaction([, ...statements], timeoutMs, place) {
      const changed = statements.map((statement) => ({
        ...statement,
        parameters: statement.parameters.map((value) => (value === asked ? answered : value)),
      }))
      return [[], ...(await transport.transaction(changed, timeoutMs, place))]
    },
  }
}

describe.each(transports)('on %s', async (name) => {
  const { database, asAdministrator } = await openReady(name)
  const of = (user: string) => tasksOf(database, user)
  await of('alice').insert(alicesTask)
  await of('bob').insert(bobsTask)
  const breached = withoutFirstWall(database.transport)
  const mallory = openCallerDatabase(breached, 'mallory', options.limits)
  const everything = () =>
    asAdministrator('select * from tasks order by user_id, id').then(JSON.stringify)

  test('without the first wall, no statement sees or changes another user’s task', async () => {
    const before = await everything()
    await expectNothing(statementsOf(mallory, 'mallory'), alicesTask)
    expect(breached.removed).toBe(7)
    expect(await everything()).toBe(before)
  })

  test('naming another user does not help, with or without the first wall', async () => {
    const before = await everything()
    for (const db of [mallory, database.forUser('mallory')]) {
      const attempt = statementsOf(db, 'alice')
      expect((await attempt.list({ withTotal: false })).json).toBe('[]')
      // The row of the total names alice, who did not ask.
      await expect(attempt.list({ withTotal: true })).rejects.toMatchObject(mixedUp)
      expect(await attempt.find(alicesTask)).toBeUndefined()
      expect(await attempt.remove(alicesTask)).toBe(false)
      await expect(attempt.create()).rejects.toMatchObject(refused)
      await expect(attempt.insert(alicesTask)).rejects.toMatchObject(refused)
    }
    expect(await everything()).toBe(before)
  })

  test('a statement that names nobody sees the caller’s rows only, and cannot give them away', async () => {
    const alice = database.forUser('alice')
    const before = await everything()
    const own = await alice.selectFrom('tasks').select(['id', 'user_id']).execute()
    expect(own).toEqual([{ id: alicesTask, user_id: 'alice' }])
    for (const statement of [
      sql`update tasks set user_id = 'bob'`,
      sql`truncate tasks`,
      sql`select * from users`,
      sql`alter table tasks disable row level security`,
    ]) {
      await expect(statement.execute(alice)).rejects.toMatchObject(refused)
    }
    expect(await everything()).toBe(before)
  })

  test('no user at all is nobody: an empty id sees and writes nothing', async () => {
    expect((await of('').list()).json).toBe('[]')
    await expect(of('').create()).rejects.toMatchObject(refused)
  })

  test('the role and the user of a request are gone after it, and after its failure', async () => {
    const look = `select current_user::text as role,
      coalesce(current_setting('app.user_id', true), '') as "user"`
    const alice = database.forUser('alice')
    const failing: (() => Promise<unknown>)[] = [
      () => of('alice').create(),
      () => sql`select 1 / 0`.execute(alice),
      () => sql`select nonsense`.execute(alice),
      () => sql`syntax error`.execute(alice),
      () => statementsOf(alice, 'bob').create(),
    ]
    for (const request of failing) {
      await request().catch((error) => expect(error.name).toBe('DatabaseError'))
      // As many as there can be connections, so that each is looked at.
      const looks = Array.from({ length: 10 }, () =>
        database.transport.transaction([{ sql: look, parameters: [] }], 8000),
      )
      const nobody = { role: 'postgres', user: '' }
      expect(await Promise.all(looks)).toEqual(looks.map(() => [[nobody]]))
    }
  })

  test('two users at the same time never share a setting', async () => {
    const seen = sql<{ seen: string }>`select current_setting('app.user_id') as seen`
    const answers = Array.from({ length: 200 }, async (_, index) => {
      const userId = `user-${index}`
      const { rows } = await seen.execute(database.forUser(userId))
      return rows[0]?.seen === userId
    })
    expect((await Promise.all(answers)).every(Boolean)).toBe(true)
  })

  test('a row that names nobody is refused', async () => {
    const rows = database.forUser('bob').selectFrom('tasks').select('id').execute()
    await expect(rows).rejects.toMatchObject(mixedUp)
  })

  test('without these two walls, no row of another user leaves the database', async () => {
    const transport = mixingUpUsers(database.transport, 'mallory', 'alice')
    const db = openCallerDatabase(transport, 'mallory', options.limits)
    const attempt = statementsOf(db, 'mallory')
    const condition = { ifMatch: [99] }
    const attempts = {
      list: () => attempt.list({ withTotal: false }),
      'list with a total': () => attempt.list(),
      'list of an empty page with a total': () => attempt.list({ completed: true }),
      find: () => attempt.find(alicesTask),
      update: () => attempt.update(alicesTask, { title: 'Mine' }),
      flip: () => attempt.complete(alicesTask),
      insert: () => attempt.insert(alicesTask),
      'find with a condition': () => attempt.find(alicesTask, condition),
      'update with a condition': () => attempt.update(alicesTask, { title: 'Mine' }, condition),
      'flip with a condition': () => attempt.complete(alicesTask, undefined, condition),
      'remove with a condition': () => attempt.remove(alicesTask, condition),
      remove: () => attempt.remove(alicesTask),
    }
    for (const [kind, send] of Object.entries(attempts)) {
      await expect(send(), kind).rejects.toMatchObject(mixedUp)
    }
  })
})
