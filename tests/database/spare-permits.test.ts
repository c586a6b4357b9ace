import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Permit, Quota } from '#db/rate-limit'
import { atEnd, newDatabase, start } from '#tests/support/databases'
import { hold } from '#tests/support/locked-tasks'
import { tasksOf } from '#tests/support/statements'

const id = crypto.randomUUID()
const { url } = await newDatabase()

/** Two of them are two processes, as far as permits go: each keeps its own. */
const opened = [await start(url), await start(url)] as const

/** A user who asks one process or the other, with all that the permits said was left. */
function someone(quota: Quota) {
  const user = crypto.randomUUID()
  const remaining: number[] = []
  const onPermit = (permit: Permit) => remaining.push(permit.remaining)
  const find = (process: number) =>
    tasksOf(opened[process % 2 === 0 ? 0 : 1], user, 8000, { quota, onPermit }).find(id)
  return { user, find, remaining }
}

/** How many of so many requests were let through, six at a time, and how long it took. */
async function flood(requests: number, send: (index: number) => Promise<unknown>) {
  const startedAt = performance.now()
  let sent = 0
  let passed = 0
  const lane = async () => {
    while (sent < requests) {
      sent += 1
      const refusal = await send(sent).catch((error) => error)
      if (refusal === undefined) passed += 1
      else expect(refusal).toMatchObject({ kind: 'rate_limited' })
    }
  }
  await Promise.all(Array.from({ length: 6 }, lane))
  return { passed, seconds: (performance.now() - startedAt) / 1000 }
}

test('each permit says what it leaves, and no other says the same, over two processes', async () => {
  const alice = someone({ requests: 120, seconds: 600 })
  for (const process of [0, 1, 0, 1, 1, 0, 1, 0, 0, 1]) await alice.find(process)
  expect(alice.remaining).toEqual([119, 118, 117, 114, 113, 116, 112, 115, 111, 108])
})

test('an active user gets neither more than the limit nor less, over two processes', async () => {
  const alice = someone({ requests: 480, seconds: 60 })
  await alice.find(0)
  await alice.find(0)
  // Nearly fifty are spare, six seconds' worth, and do not come on top of those that come back.
  await sleep(6200)
  const { passed, seconds } = await flood(640, (index) => alice.find(index % 2))
  expect(passed).toBeGreaterThanOrEqual(480)
  expect(passed).toBeLessThanOrEqual(480 + seconds * 8)
})

test('a process that is gone keeps a tenth of the limit at most', async () => {
  const alice = someone({ requests: 320, seconds: 64 })
  for (const process of [0, 0, 0]) await alice.find(process)
  const { passed, seconds } = await flood(400, () => alice.find(1))
  expect(passed).toBeGreaterThanOrEqual(320 - 3 - 320 / 10)
  expect(passed).toBeLessThanOrEqual(320 - 3 + (seconds + 1) * 5)
})

test('an active user’s requests do not wait for the row that counts them', async () => {
  const alice = someone({ requests: 600, seconds: 60 })
  await alice.find(0)
  await alice.find(0)
  const held = `select from rate_limits where user_id = '${alice.user}' for update`
  atEnd(await hold(url, held))
  await Promise.all(Array.from({ length: 8 }, () => alice.find(0)))
})
