import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  test,
  vi,
} from 'vitest'
import { type OpenDatabase, openDatabase } from '#db/database'
import type { Permit, Quota } from '#db/rate-limit'
import { options } from '#tests/support/databases'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))
const id = crypto.randomUUID()

/** Two of them are two processes, as far as permits go: each keeps its own. */
const opened: OpenDatabase[] = []
let url: string

beforeAll(async () => {
  url = server.url(await createDatabase(server))
  opened.push(await openDatabase({ ...options, url }), await openDatabase({ ...options, url }))
  for (const database of opened) await database.makeReady()
})
afterAll(() => Promise.all(opened.map((database) => database.close())))

/** Somebody who asks one process or the other, with all that the permits said. */
function someone(quota: Quota) {
  const user = crypto.randomUUID()
  const permits: Permit[] = []
  const at = (process: number, as = user, deadlineMs = 8000) => {
    const rateLimit = { quota, onPermit: (permit: Permit) => permits.push(permit) }
    const db = opened[process]?.forUser(user, deadlineMs, rateLimit)
    if (db === undefined) throw new Error(`There is no process ${process}.`)
    return statementsOf(db, as)
  }
  return { user, permits, at, remaining: () => permits.map(({ remaining }) => remaining) }
}

/** How many of so many requests were let through, several at a time, and how long it took. */
async function flood(requests: number, atOnce: number, send: (index: number) => Promise<unknown>) {
  const startedAt = performance.now()
  let sent = 0
  let passed = 0
  const lane = async () => {
    while (sent < requests) {
      sent += 1
      await send(sent).then(
        () => {
          passed += 1
        },
        (error) => expect(error).toMatchObject({ kind: 'rate_limited' }),
      )
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return { passed, seconds: (performance.now() - startedAt) / 1000 }
}

describe('over two processes', () => {
  test('an active user gets neither more than the limit nor less', async () => {
    const alice = someone({ requests: 200, seconds: 400 })
    const { passed, seconds } = await flood(400, 6, (index) => alice.at(index % 2).find(id))
    expect(passed).toBeGreaterThanOrEqual(200)
    expect(passed).toBeLessThanOrEqual(200 + seconds / 2)
    expect(Math.min(...alice.remaining())).toBe(0)
  })

  test('each permit says what it leaves, and no other says the same', async () => {
    const alice = someone({ requests: 120, seconds: 600 })
    for (const process of [0, 1, 0, 1, 1, 0, 1, 0, 0, 1]) await alice.at(process).find(id)
    expect(alice.remaining()).toEqual([119, 118, 117, 114, 113, 116, 112, 115, 111, 108])
  })

  test('spare permits do not come on top of those that have come back meanwhile', async () => {
    const alice = someone({ requests: 480, seconds: 60 })
    await alice.at(0).find(id)
    await alice.at(0).find(id)
    // Nearly fifty are spare, which is six seconds' worth.
    await sleep(6200)
    const { passed, seconds } = await flood(640, 6, (index) => alice.at(index % 2).find(id))
    expect(passed).toBeGreaterThanOrEqual(480)
    expect(passed).toBeLessThanOrEqual(480 + seconds * 8)
  })

  test('a process that is gone keeps a tenth of the limit at most', async () => {
    const alice = someone({ requests: 320, seconds: 64 })
    for (const process of [0, 0, 0]) await alice.at(process).find(id)
    const { passed, seconds } = await flood(400, 6, () => alice.at(1).find(id))
    expect(passed).toBeGreaterThanOrEqual(320 - 3 - 320 / 10)
    expect(passed).toBeLessThanOrEqual(320 - 3 + (seconds + 1) * 5)
  })
})

test('an active user’s requests do not wait for the row that counts them', async () => {
  const alice = someone({ requests: 600, seconds: 60 })
  await alice.at(0).find(id)
  await alice.at(0).find(id)
  const holder = new Client({ connectionString: url })
  await holder.connect()
  await holder.query('begin')
  await holder.query(`select from rate_limits where user_id = '${alice.user}' for update`)
  await Promise.all(Array.from({ length: 8 }, () => alice.at(0).find(id)))
  await holder.query('rollback')
  await holder.end()
})

test('of many requests at once, one brings spare permits', async () => {
  const alice = someone({ requests: 1000, seconds: 2000 })
  await alice.at(0).find(id)
  await Promise.all(Array.from({ length: 20 }, () => alice.at(0).find(id)))
  const [row] = await runSql(
    url,
    `select extract(epoch from full_at - now())::float8 as seconds from rate_limits where user_id = '${alice.user}'`,
  )
  // 21 that were used and 5 that are spare, at two seconds each.
  expect(row?.['seconds']).toBeLessThanOrEqual((21 + 5) * 2)
})

test('what a burst in one process has brought is used before the user is refused', async () => {
  const alice = someone({ requests: 100, seconds: 1000 })
  await alice.at(0).find(id)
  const { passed } = await flood(200, 200, () => alice.at(0).find(id))
  expect(passed).toBeGreaterThanOrEqual(99)
})

describe('a request with a spare permit', () => {
  const quota = { requests: 120, seconds: 600 }

  // Spare permits are kept for ten seconds, which a busy machine may need for a test.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => void vi.useRealTimers())

  test('gives it back where the database failed', async () => {
    const alice = someone(quota)
    const task = crypto.randomUUID()
    await alice.at(0).insert(task)
    await alice.at(0).find(id)
    await whileTasksAreLocked(url, async () => {
      await expect(alice.at(0, alice.user, 1500).complete(task)).rejects.toMatchObject({
        kind: 'unavailable',
      })
    })
    await alice.at(0).find(id)
    expect(alice.remaining()).toEqual([119, 118, 117])
  })

  test('has spent it where nobody knows whether its write was done', async () => {
    const alice = someone(quota)
    const task = crypto.randomUUID()
    await alice.at(0).insert(task)
    await alice.at(0).find(id)
    await runSql(
      url,
      `create function lose() returns trigger language plpgsql as
        $$ begin raise exception 'planted' using errcode = '08006'; end $$`,
      'create trigger lost before delete on tasks for each row execute function lose()',
    )
    await expect(alice.at(0).remove(task)).rejects.toMatchObject({ mayHaveRun: true })
    await runSql(url, 'drop function lose cascade')
    await alice.at(0).find(id)
    expect(alice.remaining()).toEqual([119, 118, 116])
  })

  test('has spent it where the failure is the user’s doing', async () => {
    const alice = someone(quota)
    await alice.at(0).find(id)
    await alice.at(0).find(id)
    const theft = alice.at(0, 'somebody else').insert(crypto.randomUUID())
    await expect(theft).rejects.toMatchObject({ kind: 'internal' })
    await alice.at(0).find(id)
    expect(alice.remaining()).toEqual([119, 118, 117, 116])
  })
})

test('a limit that gives a permit back every ten seconds at most is counted one by one', async () => {
  const alice = someone({ requests: 100, seconds: 86_400 })
  for (let sent = 0; sent < 5; sent += 1) await alice.at(0).find(id)
  await alice.at(1).find(id)
  expect(alice.remaining()).toEqual([99, 98, 97, 96, 95, 94])
})
