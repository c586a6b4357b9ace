import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { host } from '#tests/failures/world'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { runSql } from '#tests/support/postgres'
import { createAtOne, send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { newUser } from '#tests/support/tokens'

const flips = 15
/** The time that a request has in the database, and longer than that. */
const [deadlineMs, lockedMs] = [4000, 7000]
/** The most connections of a service with a pool of five: those for locks and probes are besides. */
const mostConnections = 10
const connections = `select from pg_stat_activity
  where datname = current_database() and backend_type = 'client backend'
    and pid <> pg_backend_pid() and application_name <> 'test'`

test('of 15 flips by one user and 15 by a user each that were answered 503 while tasks was locked, none runs afterwards', async () => {
  await using service = await serve(host, { DATABASE_TIMEOUT_MS: String(deadlineMs) })
  const { url, databaseUrl } = service
  const one = newUser()
  const users = [...Array.from({ length: flips }, newUser), ...Array<string>(flips).fill(one)]
  const ids = new Map<string, string>()
  for (const user of new Set(users)) ids.set(user, await createAtOne(url, databaseUrl, user))
  await whileTasksAreLocked(`${databaseUrl}?application_name=test`, async () => {
    const over = sleep(lockedMs)
    const flip = (user: string) => send(url, 'PATCH', `/api/tasks/${ids.get(user)}/complete`, user)
    const answers = users.map(flip)
    await sleep(deadlineMs / 4)
    expect((await runSql(databaseUrl, connections)).length).toBeLessThanOrEqual(mostConnections)
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([503]))
    await over
  })
  await sleep(1000)
  const [ran] = await runSql(databaseUrl, 'select sum(version - 1)::int as flips from tasks')
  expect(ran).toEqual({ flips: 0 })
})
