import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { buildNext } from '#tests/support/build'
import {
  askAndReadNothing,
  bytesBeforeClose,
  longListBytes,
  userWithLongList,
} from '#tests/support/long-list'
import { metricsToken, readMetrics } from '#tests/support/metrics'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { openSocket } from '#tests/support/raw'
import { send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const megabyte = 1024 * 1024

beforeAll(() => buildNext())

describe.each(['node', 'next'] as const)('on the %s host', (host) => {
  let databaseUrl: string
  let service: Service

  beforeAll(async () => {
    databaseUrl = server.url(await createDatabase(server))
    service = await startService(host, {
      DATABASE_URL: databaseUrl,
      DATABASE_TIMEOUT_MS: '30000',
      METRICS_TOKEN: metricsToken,
    })
  })
  afterAll(() => service.stop('SIGKILL'))

  /** The most memory that the service has during `work`, in megabytes more than before. */
  async function memoryOf(work: () => Promise<unknown>): Promise<number> {
    const memory = async () => (await readMetrics(service.url)).of('process_resident_memory_bytes')
    const before = await memory()
    let most = before
    let isOver = false
    const watched = (async () => {
      while (!isOver) {
        most = Math.max(most, await memory())
        await sleep(100)
      }
    })()
    await work()
    isOver = true
    await watched
    return (most - before) / megabyte
  }

  test('60 bodies of 9 MB without credentials are not kept, whatever middleware may be told', async () => {
    const head = [
      'POST /api/tasks HTTP/1.1',
      'Host: localhost',
      'Origin: http://localhost:3000',
      'Access-Control-Request-Method: POST',
      'Content-Type: application/json',
    ]
    const sockets = await Promise.all(Array.from({ length: 60 }, () => openSocket(service.url)))
    const grown = await memoryOf(async () => {
      sockets.forEach((socket, index) => {
        socket.on('error', () => {})
        socket.resume()
        // One byte is missing, so that no request is over.
        if (index % 2 === 0) {
          socket.write([...head, `Content-Length: ${9 * megabyte + 1}`, '', ''].join('\r\n'))
          socket.write(Buffer.alloc(9 * megabyte, ' '))
        } else {
          socket.write([...head, 'Transfer-Encoding: chunked', '', ''].join('\r\n'))
          socket.write(`${(9 * megabyte + 1).toString(16)}\r\n`)
          socket.write(Buffer.alloc(9 * megabyte, ' '))
        }
      })
      await sleep(4000)
    })
    for (const socket of sockets) socket.destroy()
    expect(grown).toBeLessThan(250)
  })

  test('100 long lists that nobody reads are given up, and others are served meanwhile', async () => {
    const user = await userWithLongList(service.url, databaseUrl)
    const whole = await send(service.url, 'GET', '/api/tasks', user)
    expect(whole.text.length).toBeGreaterThan(longListBytes)
    const sockets = await Promise.all(
      Array.from({ length: 100 }, () => askAndReadNothing(service.url, user)),
    )
    const statuses: number[] = []
    const grown = await memoryOf(async () => {
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
  }, 60_000)

  test('what a client sends or takes too slowly is given up, by fixed times', async () => {
    const user = await userWithLongList(service.url, databaseUrl)
    const [unread, headers, body] = await Promise.all([
      askAndReadNothing(service.url, user),
      openSocket(service.url),
      openSocket(service.url),
    ])
    headers.write('GET /health HTTP/1.1\r\nHost: localhost\r\n')
    body.write(
      [
        'POST /api/tasks HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${await tokenFor(user)}`,
        'Content-Length: 100',
        '',
        '{',
      ].join('\r\n'),
    )
    const late = /^HTTP\/1.1 408 Request Timeout\r\n[\s\S]*"code":"request_timeout"/
    expect(await text(headers)).toMatch(late)
    expect(await text(body)).toMatch(late)
    await sleep(3000)
    expect(await bytesBeforeClose(unread)).toBeLessThan(longListBytes)
  }, 60_000)
})
