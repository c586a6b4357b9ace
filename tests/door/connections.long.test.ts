import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { newKey, startKeyServer } from '#tests/support/key-server'
import { holdTasks, untilSomebodyWaits, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { linesAbout } from '#tests/support/log-lines'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { openSocket, send } from '#tests/support/send'
import { launch, type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
/** What a busy machine may add to a limit: less than the next larger limit is away. */
const slackMs = 8000

let databaseUrl: string
let service: Service

beforeAll(async () => {
  databaseUrl = server.url(await createDatabase(server))
  service = await startService('node', {
    DATABASE_URL: databaseUrl,
    DATABASE_TIMEOUT_MS: '30000',
  })
})
afterAll(async () => {
  await service.stop('SIGKILL')
})

async function headOf(request: string, ...further: string[]): Promise<string> {
  const authorization = `Authorization: Bearer ${await tokenFor(newUser())}`
  return [`${request} HTTP/1.1`, 'Host: localhost', authorization, ...further, '', ''].join('\r\n')
}

/** The time from now until everything has arrived and the connection is closed. */
async function timed(socket: Socket): Promise<{ answer: string; afterMs: number }> {
  const startedAt = performance.now()
  const answer = await text(socket)
  return { answer, afterMs: performance.now() - startedAt }
}

describe.concurrent('a connection', () => {
  test('is refused within 3 s of 15 s for its headers and 30 s for its body, and kept when idle', async () => {
    const [headers, body, idle] = await Promise.all([
      openSocket(service.url),
      openSocket(service.url),
      openSocket(service.url),
    ])
    headers.write('GET /health HTTP/1.1\r\nHost: localhost\r\n')
    body.write(`${await headOf('POST /api/tasks', 'Content-Length: 100')}{`)
    idle.write(await headOf('GET /health'))
    const [ofHeaders, ofBody] = await Promise.all([timed(headers), timed(body)])
    const late = /^HTTP\/1.1 408 Request Timeout\r\n[\s\S]*"code":"request_timeout"/
    expect(ofHeaders.answer).toMatch(late)
    expect(ofHeaders.afterMs).toBeLessThan(18_000 + slackMs)
    expect(ofBody.answer).toMatch(late)
    expect(ofBody.afterMs).toBeLessThan(33_000 + slackMs)
    // Meanwhile this one was idle for longer than Node's own 5 s, or a minute's share of it.
    const [first] = await once(idle.setEncoding('latin1'), 'data')
    expect(first).toMatch(/\r\nKeep-Alive: timeout=620\r\n/)
    idle.write(await headOf('GET /health', 'Connection: close'))
    expect(await text(idle)).toMatch(/^HTTP\/1.1 200 OK/)
  })

  test('with what nobody can read behind a request under way has the answer to that first, whole', async () => {
    const url = server.url(await createDatabase(server))
    const env = { DATABASE_URL: url, DATABASE_TIMEOUT_MS: '30000' }
    await using own = await startService('node', env)
    await send(own.url, 'GET', '/api/tasks', newUser())
    for (const { bytes, others } of [
      { bytes: 'BLAH\r\n\r\n', others: [] },
      { bytes: 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', others: ['HTTP/1.1 405'] },
      { bytes: `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, others: [] },
    ]) {
      await whileTasksAreLocked(url, async (release) => {
        const socket = await openSocket(own.url)
        const answer = text(socket)
        socket.write(await headOf('GET /api/tasks'))
        await untilSomebodyWaits(url)
        socket.write(bytes)
        // It has been read once a later request on another connection is answered.
        await send(own.url, 'GET', '/health')
        await release()
        const received = await answer
        expect(received).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\n\[\](?:HTTP|$)/)
        expect(received.match(/HTTP\/1.1 \d{3}/g)?.slice(1)).toEqual(others)
      })
    }
  })

  test('whose client goes while its token is verified ends its request, with a line in the log', async ({
    expect,
  }) => {
    const [key, issuer] = [await newKey('slow'), await startKeyServer()]
    const answered = Promise.withResolvers<void>()
    Object.assign(issuer.state, { keys: [key.jwk], hold: answered.promise })
    await using own = await startService('node', {
      DATABASE_URL: databaseUrl,
      BETTER_AUTH_URL: issuer.url,
      LOG_LEVEL: 'info',
    })
    const requestId = crypto.randomUUID()
    const socket = await openSocket(own.url)
    const token = `Authorization: Bearer ${await key.sign(newUser())}`
    const others = [token, `X-Request-Id: ${requestId}`, 'Content-Length: 100']
    socket.write(
      ['POST /api/tasks HTTP/1.1', 'Host: localhost', ...others, '', '{"title":'].join('\r\n'),
    )
    await expect.poll(() => issuer.requests).toHaveLength(1)
    socket.resetAndDestroy()
    await once(socket, 'close')
    // The service has seen the reset once it answers somebody who came later.
    await send(own.url, 'GET', '/health')
    answered.resolve()
    await expect.poll(() => linesAbout(own, requestId)).toMatchObject([{ event: 'request' }])
    await issuer.stop()
  })
})

describe('SIGTERM', () => {
  test('makes every later answer say Connection: close, also of what was under way', async () => {
    const url = server.url(await createDatabase(server))
    await using leaving = await startService('node', {
      DATABASE_URL: url,
      DATABASE_TIMEOUT_MS: '30000',
    })
    const agent = new Agent({ keepAlive: true })
    const headers = { authorization: `Bearer ${await tokenFor(newUser())}` }
    const ask = async (path: string): Promise<IncomingMessage> => {
      const [answer] = await once(get(leaving.url + path, { agent, headers }), 'response')
      answer.resume()
      return answer
    }
    expect((await ask('/api/tasks')).headers.connection).toBe('keep-alive')
    const release = await holdTasks(url)
    const underWay = ask('/api/tasks')
    await untilSomebodyWaits(url)
    leaving.process.kill('SIGTERM')
    const answers: (string | undefined)[] = []
    let isReady = true
    while (isReady) {
      const ready = await ask('/health/ready')
      isReady = ready.statusCode === 200
      if (!isReady) answers.push(ready.headers.connection)
    }
    await release()
    answers.push((await underWay).headers.connection)
    expect(answers).toEqual(['close', 'close'])
    expect(await leaving.ended).toBe(0)
  })

  test('while a migration waits on a dead network ends within the limits of a request and of connecting', async () => {
    const proxy = await startFaultProxy(server.port)
    const name = await createDatabase(server)
    const holder = new Client({ connectionString: server.url(name) })
    try {
      await holder.connect()
      await holder.query('select pg_advisory_lock(7236401955)')
      proxy.mode = 'refuse'
      const url = postgresAt(proxy.port).url(name)
      await using leaving = await startService('node', { DATABASE_URL: url })
      proxy.mode = 'pass'
      const refused = send(leaving.url, 'GET', '/api/tasks', newUser())
      await untilSomebodyWaits(server.url(name))
      proxy.mode = 'stall'
      const startedAt = performance.now()
      leaving.process.kill('SIGTERM')
      expect((await refused).status).toBe(503)
      expect(await leaving.ended).toBe(0)
      // 8 s for the request and 3 s for the connection; the migration itself has a minute.
      expect(performance.now() - startedAt).toBeLessThan(11_000 + 2 * slackMs)
    } finally {
      await holder.end()
      await proxy.close()
    }
  })
})

test('with WORKERS=2 the service ends with 1 after a few tries where no worker can start', async () => {
  const { port: PORT } = new URL(service.url)
  const refused = launch('node', { PORT, DATABASE_URL: databaseUrl, WORKERS: '2' })
  const ended = await Promise.race([refused.ended, sleep(60_000, 'still running')])
  await refused.stop('SIGKILL')
  expect(ended, refused.output()).toBe(1)
  const tries = refused.output().split('The service cannot start:').length - 1
  expect(tries).toBeGreaterThan(0)
  expect(tries).toBeLessThanOrEqual(6)
  expect(refused.output()).toContain('EADDRINUSE')
})
