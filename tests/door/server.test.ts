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
    ['GET /api/tasks/%ff HTTP/1.1', 400, 'malformed_path'],
    ['GET /% HTTP/1.1', 400, 'malformed_path'],
    ['GET /%zz HTTP/1.1', 400, 'malformed_path'],
    ['TRACE /api/tasks HTTP/1.1', 405, 'method_not_allowed'],
    ['PROPFIND /api/tasks HTTP/1.1', 405, 'method_not_allowed'],
    ['CONNECT api.example.com:443 HTTP/1.1', 405, 'method_not_allowed'],
    ['TRACE /nope HTTP/1.1', 404, 'path_not_found'],
    ['TRACE * HTTP/1.1', 404, 'path_not_found'],
    ['GET * HTTP/1.1', 404, 'path_not_found'],
    ['GET // HTTP/1.1', 404, 'path_not_found'],
    ['GET //api/tasks HTTP/1.1', 404, 'path_not_found'],
    ['GET /api//tasks HTTP/1.1', 404, 'path_not_found'],
    ['GET /api/tasks// HTTP/1.1', 404, 'path_not_found'],
    ['GET /404 HTTP/1.1', 404, 'path_not_found'],
    ['GET /500/ HTTP/1.1', 404, 'path_not_found'],
    ['GET /_error HTTP/1.1', 404, 'path_not_found'],
    ['GET /_global-error HTTP/1.1', 404, 'path_not_found'],
    ['GET /_next/static/nope.js HTTP/1.1', 404, 'path_not_found'],
    ['GET /%5fnext/image?url=%2Fx&w=64&q=75 HTTP/1.1', 404, 'path_not_found'],
    ['BLAH', 400, 'malformed_request'],
  ])('answers %s with a problem document', async (line, status, code) => {
    const answer = await sendRaw(service.url, [line])
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z]`))
    expect(answer).toMatch(/content-type: application\/problem\+json/i)
    expect(answer).toContain(`"code":"${code}"`)
    expect(answer).toMatch(/x-request-id: \S+/i)
    if (status === 405) expect(answer).toMatch(/allow: GET, HEAD, POST, .*OPTIONS/i)
    expect((await fetch(`${service.url}/health`)).status).toBe(200)
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

  test.each([
    ['a port out of range', ['Host: a:99999']],
    ['an address out of range', ['Host: 1.2.3.999']],
    ['a broken IPv6 address', ['Host: [1:2]']],
    ['a bracket', ['Host: [']],
    ['a path', ['Host: a/b']],
    ['a user', ['Host: a@b']],
    ['nothing', ['Host:']],
    ['two lines', ['Host: localhost', 'Host: evil.example']],
    ['two lines alike', ['Host: localhost', 'Host: localhost']],
    ['no line', []],
  ])('refuses a Host with %s as a problem document', async (_, lines) => {
    const answer = await sendHead('GET /health HTTP/1.1', ...lines)
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n[\s\S]*"code":"malformed_request"/)
    expect((await fetch(`${service.url}/health`)).status).toBe(200)
  })

  test('reads a body whose length no header says', async () => {
    const socket = await openSocket(service.url)
    const authorization = `Authorization: Bearer ${await tokenFor(newUser())}`
    const chunked = ['Host: localhost', 'Transfer-Encoding: chunked', 'Connection: close']
    socket.write(['POST /api/tasks HTTP/1.1', authorization, ...chunked, '', ''].join('\r\n'))
    for (const chunk of ['{"title":', '"In two parts"}']) {
      socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`)
      await sleep(50)
    }
    socket.write('0\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1.1 201 Created[\s\S]*"title":"In two parts"/)
  })

  test('stays well where bodies break off', async () => {
    const authorization = `Authorization: Bearer ${await tokenFor(newUser())}`
    const head = [
      'POST /api/tasks HTTP/1.1',
      authorization,
      'Host: localhost',
      'Content-Length: 99',
    ]
    await Promise.all(
      [0, 1, 5, 20, 100].map(async (afterMs) => {
        const socket = await openSocket(service.url)
        socket.write([...head, '', '{"title":'].join('\r\n'))
        await sleep(afterMs)
        socket.resetAndDestroy()
      }),
    )
    const brokeOff = () => service.output().match(/"status":400/g)?.length ?? 0
    await expect.poll(() => brokeOff()).toBeGreaterThanOrEqual(3)
    expect((await fetch(`${service.url}/health`)).status).toBe(200)
  })

  test('does without a Host where HTTP/1.0 has none', async () => {
    expect(await sendHead('GET /health HTTP/1.0')).toMatch(/^HTTP\/1.1 200 OK/)
  })

  test.each([
    ['/health', 'GET', 200, 'OK'],
    ['/api/tasks', 'GET', 401, 'Unauthorized'],
    ['/nope', 'GET', 404, 'Not Found'],
    ['/health', 'POST', 405, 'Method Not Allowed'],
    ['/health', 'OPTIONS', 204, 'No Content'],
  ])('says in the status line what the status means: %s %s', async (path, method, status, text) => {
    const response = await fetch(service.url + path, { method })
    expect([response.status, response.statusText]).toEqual([status, text])
  })

  test('says it of a preflight too', async () => {
    const preflight = { origin: 'http://localhost:3000', 'access-control-request-method': 'PUT' }
    for (const length of [{}, { 'content-length': '0' }]) {
      const lines = Object.entries({ ...preflight, ...length }).map(([k, v]) => `${k}: ${v}`)
      const answer = await sendRaw(service.url, ['OPTIONS /api/tasks HTTP/1.1', ...lines])
      expect(answer).toMatch(/^HTTP\/1.1 204 No Content\r\n/)
      expect(answer).toMatch(/access-control-allow-methods: GET/i)
    }
  })

  test('answers a header of 20 KB with 431', async () => {
    const answer = await sendRaw(service.url, ['GET / HTTP/1.1', `X-Large: ${'x'.repeat(20_000)}`])
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
    expect(answer).toContain('"code":"headers_too_large"')
  })

  test('answers a body of 11 MB with 413 and CORS headers', async () => {
    const response = await fetch(`${service.url}/api/tasks`, {
      method: 'POST',
      headers: {
        origin: 'http://localhost:3000',
        authorization: `Bearer ${await tokenFor(newUser())}`,
        'content-type': 'application/json',
      },
      body: `{"title":"x"}${' '.repeat(11_000_000)}`,
    })
    expect(response.status).toBe(413)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
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

  test('does not tell which framework answers, and compresses nothing', async () => {
    for (const path of ['/', '/nope', '/api/tasks', '/openapi.json']) {
      const { headers } = await fetch(service.url + path)
      expect(headers.get('x-powered-by')).toBeNull()
      expect(headers.get('server')).toBeNull()
      expect(headers.get('content-encoding')).toBeNull()
    }
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
    socket.destroy()
    await expect
      .poll(() => linesAbout(service, requestId))
      .toMatchObject([{ event: 'request', status: 400 }])
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

  test('refuses several workers on PGlite, and says what to do', async () => {
    const refused = launch('node', { PORT: '0', DATABASE_URL: 'pglite://', WORKERS: '2' })
    expect(await endOf(refused)).toBe(1)
    expect(refused.output()).toContain('WORKERS needs a Postgres server')
  })

  test.each(['1', '2'])('says what is wrong with a setting, with WORKERS=%s', async (workers) => {
    const wrong = { DATABASE_URL: 'mysql://db/todo', WORKERS: workers }
    const refused = launch('node', { PORT: '0', ...wrong })
    expect(await endOf(refused)).toBe(1)
    expect(refused.output()).toMatch(
      /^The service cannot start:\nDATABASE_URL has no known scheme.*\n$/,
    )
  })

  test('ends with an error where its address is in use', async () => {
    const { port } = new URL(service.url)
    const url = server.url(await createDatabase(server))
    const second = launch('node', { PORT: port, DATABASE_URL: url })
    expect(await endOf(second)).toBe(1)
    expect(second.output()).toContain('The service cannot start:\n')
    expect(second.output()).toContain('EADDRINUSE')
  })
})
