import { once } from 'node:events'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, test } from 'vitest'
import { server } from '#tests/support/databases'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { newKey, startKeyServer } from '#tests/support/key-server'
import { hold, untilSomebodyWaits, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { linesAbout } from '#tests/support/log-lines'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { headBy, headOf, openSocket, send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

/** What a busy machine may add to a limit: less than the next larger limit is away. */
const slackMs = 8000

/** The time from now until everything has arrived and the connection is closed. */
async function timed(socket: Socket): Promise<{ answer: string; afterMs: number }> {
  const startedAt = performance.now()
  const answer = await text(socket)
  return { answer, afterMs: performance.now() - startedAt }
}

const service = await serve('node', { DATABASE_TIMEOUT_MS: '30000' })
afterAll(() => service.stop('SIGKILL'))

describe.concurrent('a connection', () => {
  test('is refused within 3 s of 15 s for its headers and 30 s for its body, and kept when idle', async () => {
    const open = () => openSocket(service.url)
    const [headers, body, refused, idle] = await Promise.all([open(), open(), open(), open()])
    headers.write('GET /health HTTP/1.1\r\nHost: localhost\r\n')
    body.write(`${await headBy(newUser(), 'POST /api/tasks', 'Content-Length: 100')}{`)
    refused.write(`${headOf('POST /api/tasks', 'Content-Length: 100')}{`)
    idle.write(headOf('GET /health'))
    const [ofHeaders, ofBody, ofRefused] = await Promise.all([headers, body, refused].map(timed))
    const late = /^HTTP\/1.1 408 Request Timeout\r\n[\s\S]*"code":"request_timeout"/
    expect(ofHeaders?.answer).toMatch(late)
    expect(ofHeaders?.afterMs).toBeLessThan(18_000 + slackMs)
    expect(ofBody?.answer).toMatch(late)
    expect(ofBody?.afterMs).toBeLessThan(33_000 + slackMs)
    expect(ofRefused?.answer).toMatch(/^HTTP\/1.1 401 [\s\S]*\}$/)
    expect(ofRefused?.afterMs).toBeLessThan(33_000 + slackMs)
    // Meanwhile this one was idle for longer than Node's own 5 s, or a minute's share of it.
    const [first] = await once(idle.setEncoding('latin1'), 'data')
    expect(first).toMatch(/\r\nKeep-Alive: timeout=620\r\n/)
    idle.write(headOf('GET /health', 'Connection: close'))
    expect(await text(idle)).toMatch(/^HTTP\/1.1 200 OK/)
  })

  test('with what nobody can read behind a request under way has the answer to that first, whole', async () => {
    const { url, databaseUrl } = service
    const brokenBody = ['POST /api/tasks', 'Transfer-Encoding: chunked'] as const
    for (const { bytes, others } of [
      { bytes: 'BLAH\r\n\r\n', others: [] },
      { bytes: 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', others: ['HTTP/1.1 405'] },
      { bytes: `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, others: [] },
      { bytes: `${await headBy(newUser(), ...brokenBody)}BLAH\r\n`, others: ['HTTP/1.1 400'] },
    ]) {
      await whileTasksAreLocked(databaseUrl, async (release) => {
        const socket = await openSocket(url)
        const answer = text(socket)
        // One that is answered while another is the latest.
        socket.write(headOf('HEAD /health') + (await headBy(newUser(), 'GET /api/tasks')))
        await untilSomebodyWaits(databaseUrl)
        socket.write(bytes)
        // It has been read once a later request on another connection is answered.
        await send(url, 'GET', '/health')
        await release()
        const received = await answer
        expect(received).toMatch(/\r\n\r\n\[\](?:HTTP|$)/)
        const served = ['HTTP/1.1 200', 'HTTP/1.1 200']
        expect(received.match(/HTTP\/1.1 \d{3}/g)).toEqual([...served, ...others])
      })
    }
  })

  test('whose client goes while its token is verified ends its request, with a line in the log', async ({
    expect,
  }) => {
    const [key, issuer] = [await newKey('slow'), await startKeyServer()]
    const answered = Promise.withResolvers<void>()
    Object.assign(issuer.state, { keys: [key.jwk], hold: answered.promise })
    await using own = await serve('node', { BETTER_AUTH_URL: issuer.url, LOG_LEVEL: 'info' })
    const requestId = crypto.randomUUID()
    const socket = await openSocket(own.url)
    const token = `Authorization: Bearer ${await key.sign(newUser())}`
    const others = [token, `X-Request-Id: ${requestId}`, 'Content-Length: 100']
    socket.write(`${headOf('POST /api/tasks', ...others)}{"title":`)
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

test('SIGTERM while a migration waits on a dead network ends within the limits of a request and of connecting', async () => {
  const proxy = await startFaultProxy(server.port)
  const name = await createDatabase(server)
  const release = await hold(server.url(name), 'select pg_advisory_lock(7236401955)')
  try {
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
    await release()
    await proxy.close()
  }
})
