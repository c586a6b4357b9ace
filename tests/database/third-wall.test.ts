import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCallerDatabase } from '#db/scoped'
import type { Transport } from '#db/transports/transport'
import { openTestDatabase, options, type TestDatabase, transports } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

const task = 'aaaaaaaa-0000-4000-8000-000000000001'

/** Sends everything as the administrator, for another user than the one who asks. */
function mixingUpUsers(transport: Transport, asked: string, answered: string): Transport {
  return {
    ...transport,
    async transaction([, ...statements], timeoutMs, place) {
      const mixedUp = statements.map((statement) => ({
        ...statement,
        parameters: statement.parameters.map((value) => (value === asked ? answered : value)),
      }))
      return [[], ...(await transport.transaction(mixedUp, timeoutMs, place))]
    },
  }
}

describe.each(transports)('on %s', (name) => {
  let opened: TestDatabase
  const condition = { ifMatch: [99] }

  beforeAll(async () => {
    opened = await openTestDatabase(name, { poolSize: 1 })
    await opened.database.makeReady()
    await statementsOf(opened.database.forUser('alice'), 'alice').insert(task)
  })
  afterAll(() => opened?.close())

  const mallory = () =>
    openCallerDatabase(
      mixingUpUsers(opened.database.transport, 'mallory', 'alice'),
      'mallory',
      options.limits,
    )
  const refused = { kind: 'internal', message: expect.stringContaining('the user that asked') }

  test('without the other two walls, no row of another user leaves the database', async () => {
    const attempt = statementsOf(mallory(), 'mallory')
    const attempts = {
      list: () => attempt.list({ withTotal: false }),
      'list with a total': () => attempt.list(),
      'list of an empty page with a total': () => attempt.list({ completed: true }),
      find: () => attempt.find(task),
      update: () => attempt.update(task, { title: 'Mine' }),
      flip: () => attempt.complete(task),
      insert: () => attempt.insert(task),
      'find with a condition': () => attempt.find(task, condition),
      'update with a condition': () => attempt.update(task, { title: 'Mine' }, condition),
      'flip with a condition': () => attempt.complete(task, undefined, condition),
      'remove with a condition': () => attempt.remove(task, condition),
      remove: () => attempt.remove(task),
    }
    for (const [kind, send] of Object.entries(attempts)) {
      await expect(send(), kind).rejects.toMatchObject(refused)
    }
  })

  test('a row that names nobody is refused', async () => {
    await statementsOf(opened.database.forUser('bob'), 'bob').insert(task)
    const bob = opened.database.forUser('bob')
    await expect(bob.selectFrom('tasks').select('id').execute()).rejects.toMatchObject(refused)
    const own = bob.selectFrom('tasks').select(['id', 'user_id'])
    expect(await own.execute()).toEqual([{ id: task, user_id: 'bob' }])
  })

  test.runIf(name === 'postgres')('the connection that brought such a row is closed', async () => {
    const carol = opened.database.forUser('carol')
    await statementsOf(carol, 'carol').insert(task)
    const backend = async () => (await sql`select pg_backend_pid()`.execute(carol)).rows
    const before = await backend()
    expect(await backend()).toEqual(before)
    await expect(carol.selectFrom('tasks').select('id').execute()).rejects.toThrow()
    expect(await backend()).not.toEqual(before)
  })
})
