import { expect, inject, test, vi } from 'vitest'
import { openDatabase } from '#db/database'
import { openTestDatabase, options, transports } from '#tests/support/databases'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
test('a request that waits for its turn is not held to what was asked for after it', async () => {
  const url = server.url(await createDatabase(server))
  const opened = await openDatabase({ ...options, url })
  await opened.makeReady()
  await opened.close()
  await runSql(url, "insert into rate_limits values ('alice', now())")
  const take = "todo_take_permit('alice', 2, 86400)"
  const ahead = runSql(
    url,
    `do $$ begin
      perform from rate_limits for update;
      perform pg_sleep(0.6);
      perform ${take};
    end $$`,
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  const [waited] = await runSql(url, `select ${take} as permit`)
  await ahead
  expect(waited).toMatchObject({ permit: expect.stringMatching(/^0 /) })
})

test.each(transports)('on %s, a permit comes back with its share of the window', async (name) => {
  const opened = await openTestDatabase(name)
  await opened.database.makeReady()
  const quota = { requests: 2, seconds: 2 }
  const permits: unknown[] = []
  const db = opened.database.forUser('alice', 8000, {
    quota,
    onPermit: (permit) => permits.push(permit),
  })
  const alice = statementsOf(db, 'alice')
  await alice.list()
  await alice.list()
  expect(permits).toEqual([
    { remaining: 1, resetSeconds: 1 },
    { remaining: 0, resetSeconds: 2 },
  ])
  const refusal = { kind: 'rate_limited', detail: '1' }
  await expect(alice.insert(crypto.randomUUID())).rejects.toMatchObject(refusal)
  const sent = vi.spyOn(opened.database.transport, 'transaction')
  let refused = 0
  for (let isRefused = true; isRefused && refused < 2000; refused += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    isRefused = await alice.list().then(
      () => false,
      ({ kind }) => kind === 'rate_limited',
    )
  }
  expect(refused).toBeGreaterThan(20)
  expect(sent.mock.calls.length, 'the database is asked when a permit is back').toBeLessThan(4)
  await expect(alice.list()).rejects.toMatchObject(refusal)
  await opened.close()
})
