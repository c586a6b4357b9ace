import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { watchConnections } from '#tests/failures/busy-statements'
import { serve } from '#tests/failures/serve'
import { host } from '#tests/failures/world'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { runSql } from '#tests/support/postgres'
import { createAtOne, send } from '#tests/support/send'
import { newUser } from '#tests/support/tokens'

const poolSize = 10
const flips = 15
/** The time that a request has in the database, and longer than that. */
const [deadlineMs, lockedMs] = [4000, 7000]

const service = serve({ DATABASE_TIMEOUT_MS: String(deadlineMs), RATE_LIMIT: '600/60' })

test('of 15 flips by one user and 15 by a user each that were answered 503 while tasks was locked, none runs afterwards', async () => {
  const one = newUser()
  const users = [...Array.from({ length: flips }, newUser), ...Array<string>(flips).fill(one)]
  const ids = new Map<string, string>()
  for (const user of new Set(users)) {
    ids.set(user, await createAtOne(service.url, service.direct, user))
  }
  const connections = await watchConnections(service.direct)
  await whileTasksAreLocked(`${service.direct}?application_name=test`, async () => {
    const over = sleep(lockedMs)
    const answers = await Promise.all(
      users.map((user) => send(service.url, 'PATCH', `/api/tasks/${ids.get(user)}/complete`, user)),
    )
    const times = answers.map(({ durationMs }) => Math.round(durationMs))
    console.info(`${host}: 503 after ${Math.min(...times)} to ${Math.max(...times)} ms`)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    await over
  })
  await sleep(1000)
  const { busy } = await connections.stop()
  const [ran] = await runSql(service.direct, 'select sum(version - 1)::int as flips from tasks')
  console.info(`${host}: ${ran?.['flips']} flips ran, ${busy} statements under way at most`)
  expect(ran).toEqual({ flips: 0 })
  expect(busy).toBeLessThanOrEqual(poolSize)
})
