import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { memoryMbOf } from '#bench/processes'
import { runSql } from '#tests/support/postgres'
import { createBy, headBy, headOf, openSocket, send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import type { Service } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

// Only Linux tells how much memory another process has. Each test has a service of its own, and all
// wait at the same time.
const concurrent = test.skipIf(!existsSync('/proc/self/status')).concurrent

/** The most memory that a service has during `work`, in megabytes more than before. */
async function growthOf(service: Service, work: () => Promise<unknown>): Promise<number> {
  const memory = () => memoryMbOf(service.process.pid ?? 0)
  const before = memory()
  expect(before).toBeGreaterThan(20)
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, memory())
  }, 100)
  await work().finally(() => clearInterval(watch))
  return most - before
}

/** Connections that may be cut, and on which nothing is read unless a test reads it. */
async function openMany(count: number, { url }: Service) {
  const sockets = await Promise.all(Array.from({ length: count }, () => openSocket(url)))
  for (const socket of sockets) socket.on('error', () => {})
  return sockets
}

concurrent.each(['node', 'next'] as const)(
  '%s does not keep 60 bodies of 9 MB without credentials, whatever middleware may be told',
  async (host) => {
    await using service = await serve(host)
    const body = Buffer.alloc(9 * 2 ** 20, ' ')
    // One byte is missing, so that no request is over.
    const size = body.length + 1
    const preflight = ['Origin: http://localhost:3000', 'Access-Control-Request-Method: POST']
    const head = (length: string) =>
      headOf('POST /api/tasks', ...preflight, 'Content-Type: application/json', length)
    const heads = [
      head(`Content-Length: ${size}`),
      `${head('Transfer-Encoding: chunked')}${size.toString(16)}\r\n`,
    ]
    const sockets = await openMany(60, service)
    const grown = await growthOf(service, async () => {
      for (const [index, socket] of sockets.entries()) {
        socket.resume()
        socket.write(heads[index % 2] ?? '')
        socket.write(body)
      }
      await sleep(4000)
    })
    for (const socket of sockets) socket.destroy()
    expect(grown).toBeLessThan(250)
  },
)

concurrent('100 long lists that nobody reads are given up, and others are served', async () => {
  await using service = await serve('node', { DATABASE_TIMEOUT_MS: '30000' })
  const user = newUser()
  await createBy(service.url, user)
  // The longest list that there can be: each character is six in JSON.
  await runSql(
    service.databaseUrl,
    `insert into tasks (user_id, id, title, description)
      select '${user}', gen_random_uuid(), repeat(chr(1), 200), repeat(chr(1), 1000)
      from generate_series(1, 1000)`,
  )
  const whole = await send(service.url, 'GET', '/api/tasks', user)
  expect(whole.text.length).toBeGreaterThan(7_000_000)
  const asking = await headBy(user, 'GET /api/tasks')
  const sockets = await openMany(100, service)
  const grown = await growthOf(service, async () => {
    for (const socket of sockets) socket.write(asking)
    for (let asked = 0; asked < 10; asked += 1) {
      expect((await send(service.url, 'GET', '/api/tasks', newUser())).status).toBe(200)
      await sleep(500)
    }
  })
  expect(grown).toBeLessThan(450)
  for (const socket of sockets) socket.destroy()
  expect((await send(service.url, 'GET', '/api/tasks', user)).text).toBe(whole.text)
})

test('beyond thousands of connections further ones end with their answers, and none that a request may be on its way to', async () => {
  await using service = await serve('node')
  const ask = async (count: number) => {
    const sockets = await openMany(count, service)
    for (const socket of sockets) socket.resume().write(headOf('GET /health'))
    return sockets
  }
  const [first] = await ask(1)
  const others: Socket[] = []
  while (others.length < 4100) others.push(...(await ask(50)))
  await expect.poll(() => others.filter(({ closed }) => closed).length).toBeGreaterThan(50)
  expect((await send(service.url, 'GET', '/health')).status).toBe(200)
  expect(first?.closed).toBe(false)
  for (const socket of [first, ...others]) socket?.destroy()
})
