import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { memoryMbOf } from '#bench/processes'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { createBy, openSocket, send } from '#tests/support/send'
import { type Host, type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const megabyte = 1024 * 1024
const body = Buffer.alloc(9 * megabyte, ' ')

// Only Linux tells how much memory another process has.
const knowsMemory = existsSync('/proc/self/status')

async function start(host: Host) {
  const databaseUrl = server.url(await createDatabase(server))
  const service = await startService(host, {
    DATABASE_URL: databaseUrl,
    DATABASE_TIMEOUT_MS: '30000',
  })
  return { ...service, databaseUrl }
}

/** The most memory that a service has during `work`, in megabytes more than before. */
async function memoryOf(service: Service, work: () => Promise<unknown>): Promise<number> {
  const memory = () => memoryMbOf(service.process.pid ?? 0)
  const before = memory()
  expect(before).toBeGreaterThan(20)
  let most = before
  let isOver = false
  const watched = (async () => {
    while (!isOver) {
      most = Math.max(most, memory())
      await sleep(100)
    }
  })()
  await work()
  isOver = true
  await watched
  return most - before
}

/** Of the list of `userWithLongList`: each character is six in JSON. */
const longListBytes = 7_000_000

/** A user with the longest list there can be: 1,000 tasks, full of characters that JSON escapes. */
async function userWithLongList(url: string, databaseUrl: string): Promise<string> {
  const user = newUser()
  await createBy(url, user)
  await runSql(
    databaseUrl,
    `insert into tasks (user_id, id, title, description)
      select '${user}', gen_random_uuid(), repeat(chr(1), 200), repeat(chr(1), 1000)
      from generate_series(1, 1000)`,
  )
  return user
}

/** Asks for a user's list on a connection of its own, and reads nothing of the answer. */
async function askAndReadNothing(url: string, user: string): Promise<Socket> {
  const socket = await openSocket(url)
  socket.pause()
  socket.on('error', () => {})
  const head = [
    'GET /api/tasks HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${await tokenFor(user)}`,
  ]
  socket.write([...head, '', ''].join('\r\n'))
  return socket
}

/** How much of an answer arrived before its connection was closed; all there is where it never is. */
async function bytesBeforeClose(socket: Socket, timeoutMs = 5000): Promise<number> {
  const ended = once(socket, 'close')
  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  socket.resume()
  await ended
  clearTimeout(timer)
  return socket.bytesRead
}

// Each test has a service of its own, and all wait at the same time.
test.skipIf(!knowsMemory).concurrent.each(['node', 'next'] as const)(
  '%s does not keep 60 bodies of 9 MB without credentials, whatever middleware may be told',
  async (host) => {
    await using service = await start(host)
    const head = [
      'POST /api/tasks HTTP/1.1',
      'Host: localhost',
      'Origin: http://localhost:3000',
      'Access-Control-Request-Method: POST',
      'Content-Type: application/json',
    ]
    const sockets = await Promise.all(Array.from({ length: 60 }, () => openSocket(service.url)))
    const grown = await memoryOf(service, async () => {
      sockets.forEach((socket, index) => {
        socket.on('error', () => {})
        socket.resume()
        // One byte is missing, so that no request is over.
        if (index % 2 === 0) {
          socket.write([...head, `Content-Length: ${9 * megabyte + 1}`, '', ''].join('\r\n'))
          socket.write(body)
        } else {
          socket.write([...head, 'Transfer-Encoding: chunked', '', ''].join('\r\n'))
          socket.write(`${(9 * megabyte + 1).toString(16)}\r\n`)
          socket.write(body)
        }
      })
      await sleep(4000)
    })
    for (const socket of sockets) socket.destroy()
    expect(grown).toBeLessThan(250)
  },
)

test
  .skipIf(!knowsMemory)
  .concurrent(
    '100 long lists that nobody reads are given up, and others are served meanwhile',
    async () => {
      await using service = await start('node')
      const user = await userWithLongList(service.url, service.databaseUrl)
      const whole = await send(service.url, 'GET', '/api/tasks', user)
      expect(whole.text.length).toBeGreaterThan(longListBytes)
      const sockets = await Promise.all(
        Array.from({ length: 100 }, () => askAndReadNothing(service.url, user)),
      )
      const statuses: number[] = []
      const grown = await memoryOf(service, async () => {
        for (let asked = 0; asked < 10; asked += 1) {
          statuses.push((await send(service.url, 'GET', '/api/tasks', newUser())).status)
          await sleep(500)
        }
      })
      expect(statuses).toEqual(statuses.map(() => 200))
      const arrived = await Promise.all(sockets.map((socket) => bytesBeforeClose(socket)))
      expect(arrived.filter((bytes) => bytes < longListBytes).length).toBeGreaterThan(80)
      expect(grown).toBeLessThan(450)
      expect((await send(service.url, 'GET', '/api/tasks', user)).text).toBe(whole.text)
    },
  )
