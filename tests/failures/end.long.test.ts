import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { checkLedger, openLedger, work } from '#tests/failures/ledger'
import { host } from '#tests/failures/world'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { createBy, openSocket, send } from '#tests/support/send'
import { endOf, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

test('SIGTERM under load: readiness turns 503, what is under way finishes, nothing acknowledged is lost, and the process exits with 0', async () => {
  const url = server.url(await createDatabase(server))
  // What waits for the database shall end by the commit of the test, however long the rest takes.
  const env = { DATABASE_URL: url, DATABASE_TIMEOUT_MS: '30000' }
  await using leaving = await startService(host, env)
  const ledgers = await Promise.all(Array.from({ length: 6 }, () => openLedger(leaving.url, url)))
  const slow = newUser()
  const slowTask = await createBy(leaving.url, slow)
  const holder = new Client({ connectionString: url })
  await holder.connect()
  await holder.query(`begin; select from tasks where id = '${slowTask}' for update`)

  // Under way when the signal comes: the load, a body that is half sent, and a wait for the database.
  let isOver = false
  const working = Promise.allSettled(
    ledgers.map((ledger) => work(leaving.url, ledger, () => isOver)),
  )
  const half = await sendHalf(leaving.url)
  const waiting = send(leaving.url, 'PATCH', `/api/tasks/${slowTask}/complete`, slow)
  await sleep(300)
  leaving.process.kill('SIGTERM')
  await expect.poll(() => codeOfReadiness(leaving.url), { interval: 10 }).toBe('503 not_ready')
  isOver = true
  const broken = (await working).filter(({ status }) => status === 'rejected')
  expect(broken).toEqual([])
  const answers = ledgers.flatMap((ledger) => ledger.answers)
  expect(answers.filter(({ status }) => status >= 400)).toEqual([])

  // Until nobody new is let in any more.
  await sleep(1200)
  await holder.end()
  expect((await waiting).status).toBe(200)
  expect(await half.finish()).toMatch(/^HTTP\/1.1 201 [\s\S]*sent while the service stops/)
  expect(await endOf(leaving), leaving.output()).toBe(0)
  for (const ledger of ledgers) await checkLedger(url, ledger)
  expect(leaving.output()).not.toMatch(/unhandled|uncaught/i)
})

// A session that nobody answers must not hold the process until it is cut off.
test('SIGTERM while the network is silent ends within the limit for connecting', async () => {
  const proxy = await startFaultProxy(server.port)
  const url = postgresAt(proxy.port).url(await createDatabase(server))
  // Of that, 1.5 s are for connecting, and a second is for the balancer to notice.
  const env = { DATABASE_URL: url, DATABASE_TIMEOUT_MS: '4000' }
  await using leaving = await startService(host, env)
  await createBy(leaving.url, newUser())
  proxy.mode = 'stall'
  expect((await send(leaving.url, 'GET', '/api/tasks', newUser())).status).toBe(503)
  const startedAt = performance.now()
  expect(await leaving.stop('SIGTERM')).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(13_000)
  await proxy.close()
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
