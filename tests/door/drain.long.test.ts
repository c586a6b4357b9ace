import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, test } from 'vitest'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { endOf, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

describe('SIGTERM', () => {
  test.each(['1', '2'])(
    'under load answers every request that is under way and refuses later ones, with WORKERS=%s',
    async (workers) => {
      const url = server.url(await createDatabase(server))
      const leaving = await startService('node', {
        DATABASE_URL: url,
        DATABASE_TIMEOUT_MS: '30000',
        WORKERS: workers,
      })
      const headers = { authorization: `Bearer ${await tokenFor(newUser())}` }
      const list = () => fetch(`${leaving.url}/api/tasks`, { headers }).then(({ status }) => status)
      expect(await list()).toBe(200)
      await whileTasksAreLocked(url, async (release) => {
        const underWay = Array.from({ length: 60 }, list)
        await sleep(500)
        leaving.process.kill('SIGTERM')
        const later = () =>
          fetch(`${leaving.url}/health`).then(
            () => 'answered',
            () => 'refused',
          )
        await expect.poll(later).toBe('refused')
        await release()
        expect(await Promise.all(underWay)).toEqual(underWay.map(() => 200))
      })
      expect(await endOf(leaving)).toBe(0)
    },
  )

  test('does not wait for a connection on which nothing was ever sent', async () => {
    const url = server.url(await createDatabase(server))
    const leaving = await startService('node', { DATABASE_URL: url })
    const { hostname, port } = new URL(leaving.url)
    const silent = connect(Number(port), hostname)
    await once(silent, 'connect')
    const closed = once(silent, 'close')
    leaving.process.kill('SIGTERM')
    // The limit of the drain is 30 seconds.
    expect(await endOf(leaving)).toBe(0)
    await closed
  })
})
