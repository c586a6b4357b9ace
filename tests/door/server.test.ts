import { existsSync, readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { linesAbout } from '#tests/support/log-lines'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { openSocket, sendRaw } from '#tests/support/send'
import { endOf, launch, type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

/** The most that Linux lets wait, whatever a server asks for; elsewhere the test cannot tell. */
const somaxconn = Number(
  existsSync('/proc/sys/net/core/somaxconn') &&
    readFileSync('/proc/sys/net/core/somaxconn', 'utf8'),
)

describe('plain Node', () => {
  let service: Service

  beforeAll(async () => {
    const url = server.url(await createDatabase(server))
    service = await startService('node', { DATABASE_URL: url, LOG_LEVEL: 'info' })
  })
  afterAll(() => service.stop('SIGKILL'))

  /** Sends a head that no library would send, and returns the whole answer. */
  async function sendHead(...lines: string[]): Promise<string> {
    const socket = await openSocket(service.url)
    socket.write([...lines, 'Connection: close', '', ''].join('\r\n'), 'latin1')
    return await text(socket)
  }

  test.each([
    ['GET /api/tasks/%ff HTTP/1.1', '400 Bad Request', 'malformed_path'],
    ['GET /% HTTP/1.1', '400 Bad Request', 'malformed_path'],
    ['GET /%zz HTTP/1.1', '400 Bad Request', 'malformed_path'],
    ['TRACE /api/tasks HTTP/1.1', '405 Method Not Allowed', 'method_not_allowed'],
    ['PROPFIND /api/tasks HTTP/1.1', '405 Method Not Allowed', 'method_not_allowed'],
    ['TRACE /nope HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['TRACE * HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET * HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET // HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET //api/tasks HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET /api//tasks HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET /api/tasks// HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET /404 HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET /500/ HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET /_error HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET /_global-error HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET /_next/static/nope.js HTTP/1.1', '404 Not Found', 'path_not_found'],
    ['GET /%5fnext/image?url=%2Fx&w=64&q=75 HTTP/1.1', '404 Not Found', 'path_not_found'],
  ])('answers %s with a problem document', async (line, status, code) => {
    const answer = await sendRaw(service.url, [line])
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\n`))
    expect(answer).toMatch(/content-type: application\/problem\+json/i)
    expect(answer).toContain(`"code":"${code}"`)
    expect(answer).toMatch(/x-request-id: \S+/i)
    if (code === 'method_not_allowed') expect(answer).toMatch(/allow: GET, HEAD, POST, .*OPTIONS/i)
  })

  test.each([
    ['431', 'headers_too_large', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['400', 'malformed_request', 'BLAH\r\n\r\n'],
    ['405', 'method_not_allowed', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'],
  ])('is refused with a %s (%s) by the parser so that every page can read it', async (...row) => {
    const [status, code, bytes] = row
    const socket = await openSocket(service.url)
    socket.write(bytes)
    const answer = await text(socket)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z]`))
    expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/)
    expect(answer).toMatch(/\r\naccess-control-allow-origin: \*\r\n/)
    expect(answer).toMatch(/\r\naccess-control-expose-headers: allow, [^\r]*x-request-id/)
    const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
    expect(problem).toMatchObject({ status: Number(status), code })
  })

  test('decodes the user in a path once', async () => {
    const odd = `${newUser()}%25`
    const headers = { authorization: `Bearer ${await tokenFor(odd)}` }
    const once = encodeURIComponent(odd)
    const statuses = [once, encodeURIComponent(once)].map(
      async (name) => (await fetch(`${service.url}/api/${name}/tasks`, { headers })).status,
    )
    expect(await Promise.all(statuses)).toEqual([200, 403])
  })

  test('answers OPTIONS * with the methods of the service', async () => {
    const answer = await sendRaw(service.url, ['OPTIONS * HTTP/1.1'])
    expect(answer).toMatch(/^HTTP\/1.1 204 No Content\r\n/)
    expect(answer).toMatch(/\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n/i)
  })

  test('refuses a Host that is none on every method and path, whatever else is odd', async () => {
    const none = ['a:99999', '1.2.3.999', '0x1.2.3.4.5', '[1:2]', '[', 'a/b', 'a@b', 'a%2fb', '']
    const heads = ['GET /health', 'HEAD /health/.', 'POST /docs\\', 'DELETE /nope', 'TRACE /"']
    for (const head of [...heads, 'OPTIONS /api/tasks/%2e%2e']) {
      for (const hosts of [...none.map((host) => [host]), ['a', 'b'], ['a', 'a'], []]) {
        const lines = hosts.map((host) => `Host: ${host}`)
        const answer = await sendHead(`${head} HTTP/1.1`, ...lines)
        expect(answer, `${head} ${lines}`).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
        expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/)
        if (!head.startsWith('HEAD')) expect(answer).toContain('"code":"malformed_request"')
      }
    }
  })

  test('does without a Host where HTTP/1.0 has none', async () => {
    expect(await sendHead('GET /health HTTP/1.0')).toMatch(/^HTTP\/1.1 200 OK/)
  })

  test('answers a preflight, with and without the length of a body', async () => {
    const preflight = { origin: 'http://localhost:3000', 'access-control-request-method': 'PUT' }
    for (const length of [{}, { 'content-length': '0' }]) {
      const lines = Object.entries({ ...preflight, ...length }).map(([k, v]) => `${k}: ${v}`)
      const answer = await sendRaw(service.url, ['OPTIONS /api/tasks HTTP/1.1', ...lines])
      expect(answer).toMatch(/^HTTP\/1.1 204 No Content\r\n/)
      expect(answer).toMatch(/access-control-allow-methods: GET/i)
    }
  })

  test('reads 32 MiB of a body without an end, and closes its connection', async () => {
    const socket = await openSocket(service.url)
    const authorization = `Authorization: Bearer ${await tokenFor(newUser())}`
    const chunked = ['Host: localhost', 'Transfer-Encoding: chunked', '', '']
    socket.write(['POST /api/tasks HTTP/1.1', authorization, ...chunked].join('\r\n'))
    const mebibyte = `100000\r\n${' '.repeat(2 ** 20)}\r\n`
    const closed = new Promise((resolve) => socket.on('error', resolve).on('close', resolve))
    let sent = 0
    for (; sent < 64 && !socket.destroyed; sent += 1) {
      const drained = new Promise((resolve) => socket.once('drain', resolve))
      if (!socket.write(mebibyte)) await Promise.race([drained, closed])
    }
    expect(sent).toBeGreaterThanOrEqual(32)
    expect(sent).toBeLessThan(64)
    expect((await fetch(`${service.url}/health`)).status).toBe(200)
  })

  test.each([
    ['of React server components', { rsc: '1', 'next-router-prefetch': '1' }],
    ['of an upgrade', { connection: 'Upgrade', upgrade: 'websocket' }],
    ['of an expectation', { expect: 'a-miracle' }],
    ['of what a proxy was asked for', { 'x-forwarded-host': '[' }],
  ])('gives its plain answer whatever headers there are %s', async (_, headers) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    const answer = await sendRaw(service.url, ['GET /health HTTP/1.1', ...lines])
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\{"status":"ok"\}/)
  })

  test('logs a client that hangs up in the middle of a body as a 400 and no fault', async () => {
    const requestId = crypto.randomUUID()
    const socket = await openSocket(service.url)
    socket.write(
      [
        'POST /api/tasks HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${await tokenFor(newUser())}`,
        `X-Request-Id: ${requestId}`,
        'Content-Length: 100',
        '',
        '{"title":',
      ].join('\r\n'),
    )
    await sleep(100)
    socket.resetAndDestroy()
    await expect
      .poll(() => linesAbout(service, requestId))
      .toMatchObject([{ event: 'request', status: 400 }])
    expect((await fetch(`${service.url}/health`)).status).toBe(200)
  })

  test.skipIf(somaxconn < 1200)(
    'lets a crowd connect while it is busy, so that nobody waits for the kernel to try again',
    async () => {
      // Stopped, the process accepts nothing: what connects is in the kernel's queue.
      service.process.kill('SIGSTOP')
      const sockets = Array.from({ length: 1000 }, () => openSocket(service.url))
      try {
        const opened = await Promise.race([Promise.all(sockets), sleep(15_000)])
        expect(opened).toHaveLength(1000)
      } finally {
        service.process.kill('SIGCONT')
        for (const socket of await Promise.all(sockets)) socket.destroy()
      }
    },
  )

  const wrong = { DATABASE_URL: 'mysql://db/todo' }
  test.each([
    ['a wrong setting', async () => wrong, /^DATABASE_URL has no known scheme.*\n$/],
    ['one with workers', async () => ({ ...wrong, WORKERS: '2' }), /^DATABASE_URL has no .*\n$/],
    [
      'several workers on PGlite',
      async () => ({ DATABASE_URL: 'pglite://', WORKERS: '2' }),
      /^WORKERS needs a Postgres server.*\n$/,
    ],
    [
      'an address that is in use',
      async () => ({
        DATABASE_URL: server.url(await createDatabase(server)),
        PORT: new URL(service.url).port,
      }),
      /EADDRINUSE/,
    ],
  ])('does not start with %s, says why, and ends with 1', async (_, env, reason) => {
    const refused = launch('node', { PORT: '0', ...(await env()) })
    expect(await endOf(refused)).toBe(1)
    const [before, said] = refused.output().split('The service cannot start:\n')
    expect(before).toBe('')
    expect(said).toMatch(reason)
  })
})
