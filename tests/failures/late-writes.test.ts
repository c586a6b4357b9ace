import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
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

describe(`on ${host}`, () => {
  const service = serve({ DATABASE_TIMEOUT_MS: String(deadlineMs), RATE_LIMIT: '600/60' })

  test.each([
    ['one user', 1],
    ['a user each', flips],
  ])(
    'of 15 flips by %s that were answered 503 while tasks was locked, none runs afterwards',
    async (_, count) => {
      const users = Array.from({ length: count }, newUser)
      const tasks = await Promise.all(
        users.map(async (user) => ({
          user,
          id: await createAtOne(service.url, service.direct, user),
        })),
      )
      const connections = await watchConnections(service.direct)
      await whileTasksAreLocked(`${service.direct}?application_name=test`, async () => {
        const over = sleep(lockedMs)
        const answers = await Promise.all(
          Array.from({ length: flips }, (_, index) => {
            const { user = '', id = '' } = tasks[index % count] ?? {}
            return send(service.url, 'PATCH', `/api/tasks/${id}/complete`, user)
          }),
        )
        const times = answers.map(({ durationMs }) => Math.round(durationMs))
        console.info(`${host}: 503 after ${Math.min(...times)} to ${Math.max(...times)} ms`)
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
        await over
      })
      await sleep(1000)
      const { busy } = await connections.stop()
      const ids = tasks.map(({ id }) => `'${id}'`).join()
      const [ran] = await runSql(
        service.direct,
        `select sum(version - 1)::int as flips from tasks where id in (${ids})`,
      )
      console.info(`${host}: ${ran?.['flips']} flips ran, ${busy} statements under way at most`)
      expect(ran).toEqual({ flips: 0 })
      expect(busy).toBeLessThanOrEqual(poolSize)
    },
  )
})
