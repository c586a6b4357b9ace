import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { buildNext } from '#tests/support/build'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { openSocket } from '#tests/support/raw'
import { startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

beforeAll(() => buildNext())

describe.each(['node', 'next'] as const)('SIGTERM on the %s host', (host) => {
  test('turns readiness to 503, lets what is under way finish, and ends with exit code 0', {
    timeout: 60_000,
  }, async () => {
    const url = server.url(await createDatabase(server))
    const leaving = await startService(host, { DATABASE_URL: url })
    const body = '{"title":"sent while the service stops"}'
    const socket = await openSocket(leaving.url)
    socket.write(
      [
        'POST /api/tasks HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${await tokenFor(newUser())}`,
        `Content-Length: ${body.length}`,
        '',
        body.slice(0, 10),
      ].join('\r\n'),
    )
    await sleep(100)
    leaving.process.kill('SIGTERM')
    let ready = await fetch(`${leaving.url}/health/ready`)
    for (let tries = 0; tries < 50 && ready.status === 200; tries += 1) {
      await sleep(10)
      ready = await fetch(`${leaving.url}/health/ready`)
    }
    expect(ready.status).toBe(503)
    expect(ready.headers.get('connection')).toBe('close')
    expect(await ready.json()).toMatchObject({ code: 'not_ready' })
    const answer = text(socket)
    await sleep(1200)
    socket.write(body.slice(10))
    expect(await answer).toMatch(/^HTTP\/1.1 201 [\s\S]*sent while the service stops/)
    expect(await leaving.ended).toBe(0)
  })

  test.each(['1', '2'])(
    'under load answers every request that is under way and refuses later ones, with WORKERS=%s',
    { timeout: 60_000 },
    async (workers) => {
      const url = server.url(await createDatabase(server))
      const leaving = await startService(host, {
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
        await expect.poll(later, { timeout: 10_000 }).toBe('refused')
        await release()
        expect(await Promise.all(underWay)).toEqual(underWay.map(() => 200))
      })
      expect(await leaving.ended).toBe(0)
    },
  )
})
