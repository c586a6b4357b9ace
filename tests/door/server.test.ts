import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { whileTasksAreLocked } from '#tests/support/locked-tasks'
import { linesAbout } from '#tests/support/log-lines'
import { headBy, headOf, openSocket, send, sendRaw } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { endOf, launch } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const service = await serve('node', { LOG_LEVEL: 'info' })
afterAll(() => service.stop('SIGKILL'))

test('hundreds of requests at once for the script of the reference page end nothing', async () => {
  await using own = await serve('node', { NODE_OPTIONS: '--max-old-space-size=256' })
  const sockets = await Promise.all(Array.from({ length: 500 }, () => openSocket(own.url)))
  const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
  for (const socket of sockets) {
    // What nobody reads in time is given up.
    socket.resume().on('error', () => {})
    socket.write('GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  }
  await Promise.all(closed)
  expect(await sendRaw(own.url, ['GET /health HTTP/1.1'])).toMatch(/^HTTP\/1.1 200 /)
})

test('requests that pile up behind another on their connection are given up, also without a body', async () => {
  // Longer than the test may take.
  await using own = await serve('node', { DATABASE_TIMEOUT_MS: '60000' })
  await whileTasksAreLocked(own.databaseUrl, async () => {
    const socket = await openSocket(own.url)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    socket.write(await headBy(newUser(), 'GET /api/tasks'))
    socket.write('HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(200))
    await closed
  })
})

/** Sends what no library would send, and returns the whole answer. */
async function sendBytes(bytes: string): Promise<string> {
  const socket = await openSocket(service.url)
  socket.write(bytes, 'latin1')
  return await text(socket)
}
const sendHead = (...lines: string[]) =>
  sendBytes([...lines, 'Connection: close', '', ''].join('\r\n'))

const [malformed, notFound] = ['400 Bad Request malformed_path', '404 Not Found path_not_found']
const notAllowed = '405 Method Not Allowed method_not_allowed'
test.each([
  ...['GET /%', 'GET /api/tasks/%ff'].map((line) => [line, malformed]),
  ...['TRACE /api/tasks', 'PROPFIND /api/tasks'].map((line) => [line, notAllowed]),
  ...['TRACE /nope', 'TRACE *', 'GET *', 'GET //'].map((line) => [line, notFound]),
  ...['GET //api/tasks', 'GET /api//tasks', 'GET /api/tasks//'].map((line) => [line, notFound]),
])('answers %s with a problem document: %s', async (line = '', expected = '') => {
  const [, status = '', code = ''] = /^(.*) (\w+)$/.exec(expected) ?? []
  const answer = await sendRaw(service.url, [`${line} HTTP/1.1`])
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
  const answer = await sendBytes(bytes)
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z]`))
  expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/)
  expect(answer).toMatch(/\r\naccess-control-allow-origin: \*\r\n/)
  expect(answer).toMatch(/\r\naccess-control-expose-headers: allow, [^\r]*x-request-id/)
  const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
  expect(problem).toMatchObject({ status: Number(status), code })
})

test('decodes the user in a path once', async () => {
  const odd = `${newUser()}%25`
  const once = encodeURIComponent(odd)
  const ask = async (name: string) =>
    (await send(service.url, 'GET', `/api/${name}/tasks`, odd)).status
  expect([await ask(once), await ask(encodeURIComponent(once))]).toEqual([200, 403])
})

test('answers OPTIONS * with the methods of the service', async () => {
  const answer = await sendRaw(service.url, ['OPTIONS * HTTP/1.1'])
  expect(answer).toMatch(/^HTTP\/1.1 204 No Content\r\n/)
  expect(answer).toMatch(/\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n/i)
})

const noHosts = ['a:99999', '1.2.3.999', '0x1.2.3.4.5', '[1:2]', '[', 'a/b', 'a@b', 'a%2fb', '']
test.each([
  ...['GET /health', 'HEAD /health/.', 'POST /docs\\', 'DELETE /nope', 'TRACE /"'],
  'OPTIONS /api/tasks/%2e%2e',
])('refuses %s for a Host that is none', async (line) => {
  for (const hosts of [...noHosts.map((host) => [host]), ['a', 'b'], ['a', 'a'], []]) {
    const answer = await sendHead(`${line} HTTP/1.1`, ...hosts.map((host) => `Host: ${host}`))
    expect(answer, String(hosts)).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
    expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/)
    if (!line.startsWith('HEAD')) expect(answer).toContain('"code":"malformed_request"')
  }
})

test('does not reset the connection that it closes behind a refusal while its client still sends', async () => {
  const socket = await openSocket(service.url)
  // More than what may be on its way. A client such as Python's reads when it has sent everything.
  const body = Buffer.alloc(16 * 2 ** 20, ' ')
  socket.write(headOf('POST /api/tasks', 'Connection: close', `Content-Length: ${body.length}`))
  await new Promise<void>((resolve, reject) => {
    socket.write(body, (error) => (error ? reject(error) : resolve()))
  })
  expect(await text(socket)).toMatch(/^HTTP\/1.1 401 [\s\S]*\r\nConnection: close\r\n[\s\S]*\}$/)
})

test('reads 32 MiB of a body without an end, and closes its connection', async () => {
  const socket = await openSocket(service.url)
  socket.write(await headBy(newUser(), 'POST /api/tasks', 'Transfer-Encoding: chunked'))
  const mebibyte = `100000\r\n${' '.repeat(2 ** 20)}\r\n`
  const closed = new Promise((resolve) => socket.on('error', resolve).on('close', resolve))
  const drained = () => new Promise((resolve) => socket.once('drain', resolve))
  let sent = 0
  for (; sent < 64 && !socket.destroyed; sent += 1) {
    if (!socket.write(mebibyte)) await Promise.race([drained(), closed])
  }
  expect(sent).toBeGreaterThanOrEqual(32)
  expect(sent).toBeLessThan(64)
  expect((await fetch(`${service.url}/health`)).status).toBe(200)
})

test.each([
  ['with headers of an upgrade', '1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'],
  ['with an expectation', '1.1', 'Host: a', 'Expect: a-miracle'],
  ['with a host that a proxy was asked for and is none', '1.1', 'Host: a', 'X-Forwarded-Host: ['],
  ['without a Host, where HTTP/1.0 has none', '1.0'],
])('gives its plain answer to a request %s', async (_, version, ...headers) => {
  const answer = await sendHead(`GET /health HTTP/${version}`, ...headers)
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\{"status":"ok"\}/)
})

test('logs a client that hangs up in the middle of a body as a 400 and no fault', async () => {
  const requestId = crypto.randomUUID()
  const headers = [`X-Request-Id: ${requestId}`, 'Content-Length: 100']
  const socket = await openSocket(service.url)
  socket.write(`${await headBy(newUser(), 'POST /api/tasks', ...headers)}{"title":`)
  await sleep(100)
  socket.resetAndDestroy()
  await expect
    .poll(() => linesAbout(service, requestId))
    .toMatchObject([{ event: 'request', status: 400 }])
  expect((await fetch(`${service.url}/health`)).status).toBe(200)
})

const taken = { DATABASE_URL: service.databaseUrl, PORT: new URL(service.url).port }
const wrong = { DATABASE_URL: 'mysql://db/todo', BETTER_AUTH_SECRET: 'too short', PORT: '0' }
const reasons = /^DATABASE_URL has no known scheme.*\nBETTER_AUTH_SECRET is shorter.*\n$/
const onPglite = { DATABASE_URL: 'pglite://', PORT: '0' }
test.each([
  ['wrong settings', '1', wrong, reasons],
  ['wrong settings', '2', wrong, reasons],
  ['PGlite', '2', onPglite, /^WORKERS needs a Postgres server.*\n$/],
  ['an address that is in use', '1', taken, /EADDRINUSE/],
  ['an address that is in use', '2', taken, /EADDRINUSE/],
])('does not start with %s and WORKERS=%s, says why, and ends with 1', async (...row) => {
  const [, workers, env, reason] = row
  const refused = launch('node', { ...env, WORKERS: workers })
  expect(await endOf(refused)).toBe(1)
  const [before, said, ...again] = refused.output().split('The service cannot start:\n')
  expect(before).toBe('')
  expect(said).toMatch(reason)
  expect(again.length, 'a worker is tried a few times').toBeLessThan(6)
})
