import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { host } from '#tests/failures/world'
import { watchConnections } from '#tests/support/busy-statements'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { createAtOne, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const poolSize = 10
const flips = 15
/** The time that a request has in the database, and longer than that. */
const [deadlineMs, lockedMs] = [4000, 7000]

describe(`on ${host}`, () => {
  let service: Service
  let direct: string

  beforeAll(async () => {
    direct = server.url(await createDatabase(server))
    service = await startService(host, {
      DATABASE_URL: direct,
      DATABASE_TIMEOUT_MS: String(deadlineMs),
      RATE_LIMIT: '600/60',
    })
  })
  afterAll(async () => {
    await service?.stop()
  })

  test.each([
    ['one user', 1],
    ['a user each', flips],
  ])(
    'of 15 flips by %s that were answered 503 while tasks was locked, none runs afterwards',
    {
      timeout: 60_000,
    },
    async (_, count) => {
      const users = Array.from({ length: count }, newUser)
      const tasks = await Promise.all(
        users.map(async (user) => ({ user, id: await createAtOne(service.url, direct, user) })),
      )
      const connections = await watchConnections(direct)
      await whileTasksAreLocked(`${direct}?application_name=test`, async () => {
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
        expect(Math.max(...times)).toBeLessThan(lockedMs)
        await over
      })
      await sleep(1000)
      const { busy } = await connections.stop()
      const ids = tasks.map(({ id }) => `'${id}'`).join()
      const [ran] = await runSql(
        direct,
        `select sum(version - 1)::int as flips from tasks where id in (${ids})`,
      )
      console.info(`${host}: ${ran?.['flips']} flips ran, ${busy} statements under way at most`)
      expect(ran).toEqual({ flips: 0 })
      expect(busy).toBeLessThanOrEqual(poolSize)
    },
  )
})
