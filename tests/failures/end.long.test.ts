import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { host } from '#tests/failures/world'
import { hold } from '#tests/support/locked-tasks'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { createBy, openSocket, send } from '#tests/support/send'
import { endOf, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

test('SIGTERM under load: readiness turns 503, what is under way finishes, nothing acknowledged is lost, and the process exits with 0', async () => {
  const server = postgresAt(inject('postgresPort'))
  const url = server.url(await createDatabase(server))
  // What waits for the database shall end by the commit of the test, however long the rest takes.
  const env = { DATABASE_URL: url, DATABASE_TIMEOUT_MS: '30000' }
  await using leaving = await startService(host, env)
  const slow = newUser()
  const slowTask = await createBy(leaving.url, slow)
  const release = await hold(url, `select from tasks where id = '${slowTask}' for update`)

  // Under way when the signal comes: the load, a body that is half sent, and a wait for the database.
  let isOver = false
  const statuses: number[] = []
  const load = Array.from({ length: 6 }, async () => {
    const user = newUser()
    while (!isOver) {
      statuses.push((await send(leaving.url, 'POST', '/api/tasks', user, { title: 'x' })).status)
    }
  })
  const half = await sendHalf(leaving.url)
  const waiting = send(leaving.url, 'PATCH', `/api/tasks/${slowTask}/complete`, slow)
  await sleep(300)
  leaving.process.kill('SIGTERM')
  await expect.poll(() => codeOfReadiness(leaving.url), { interval: 10 }).toBe('503 not_ready')
  isOver = true
  await Promise.all(load)
  expect(new Set(statuses)).toEqual(new Set([201]))

  // Until nobody new is let in any more.
  await sleep(1200)
  await release()
  expect((await waiting).status).toBe(200)
  expect(await half.finish()).toMatch(/^HTTP\/1.1 201 [\s\S]*sent while the service stops/)
  expect(await endOf(leaving), leaving.output()).toBe(0)
  const stored = await runSql(url, "select from tasks where title = 'x'")
  expect(stored).toHaveLength(statuses.length)
  expect(leaving.output()).not.toMatch(/unhandled|uncaught/i)
})

async function codeOfReadiness(url: string): Promise<string> {
  const ready = await send(url, 'GET', '/health/ready')
  return `${ready.status} ${ready.json()['code']}`
}

/** Sends a create but for the end of its body. */
async function sendHalf(url: string) {
  const body = '{"title":"sent while the service stops"}'
  const socket = await openSocket(url)
  const head = [
    'POST /api/tasks HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${await tokenFor(newUser())}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 10)}`)
  return {
    async finish() {
      const answer = text(socket)
      socket.write(body.slice(10))
      return await answer
    },
  }
}
