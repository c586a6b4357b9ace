import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openSocket, sendRaw } from '#tests/support/raw'
import { launch, type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

let service: Service

beforeAll(async () => {
  service = await startService('node', { DATABASE_URL: 'pglite://', LOG_LEVEL: 'info' })
})
afterAll(() => service.stop('SIGKILL'))

describe('what Next cannot answer, plain Node answers with a problem document', () => {
  test.each([
    ['GET /api/tasks/%ff HTTP/1.1', 400, 'malformed_path'],
    ['GET /%zz HTTP/1.1', 400, 'malformed_path'],
    ['TRACE /api/tasks HTTP/1.1', 405, 'method_not_allowed'],
    ['PROPFIND /api/tasks HTTP/1.1', 405, 'method_not_allowed'],
    ['TRACE /nope HTTP/1.1', 404, 'path_not_found'],
    ['GET // HTTP/1.1', 404, 'path_not_found'],
    ['GET //api/tasks HTTP/1.1', 404, 'path_not_found'],
    ['GET /api//tasks HTTP/1.1', 404, 'path_not_found'],
    ['GET /api/tasks// HTTP/1.1', 404, 'path_not_found'],
    ['BLAH', 400, 'malformed_request'],
  ])('%s', async (line, status, code) => {
    const answer = await sendRaw(service.url, [line])
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toMatch(/content-type: application\/problem\+json/i)
    expect(answer).toContain(`"code":"${code}"`)
    expect(answer).toMatch(/x-request-id: \S+/i)
    if (status === 405) expect(answer).toMatch(/allow: GET, HEAD, POST, OPTIONS/i)
  })

  test.each(['a:99999', '1.2.3.999', '[1:2]', '0x100000000'])(
    'a Host that no URL can have is 400 and ends nothing: %s',
    async (host) => {
      const socket = await openSocket(service.url)
      socket.write(`GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      expect(await text(socket)).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"malformed_request"/)
      expect((await fetch(`${service.url}/health`)).status).toBe(200)
    },
  )

  test('a header of 20 KB is 431', async () => {
    const answer = await sendRaw(service.url, ['GET / HTTP/1.1', `X-Large: ${'x'.repeat(20_000)}`])
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
    expect(answer).toContain('"code":"headers_too_large"')
  })

  test('two Authorization headers are refused, even if one of them is good', async () => {
    const good = `Authorization: Bearer ${await tokenFor(newUser())}`
    const answer = await sendRaw(service.url, ['GET /api/tasks HTTP/1.1', good, good])
    expect(answer).toMatch(/^HTTP\/1.1 401 /)
  })

  test('a header of React server components changes nothing', async () => {
    const headers = { rsc: '1', 'next-router-prefetch': '1' }
    const response = await fetch(`${service.url}/health`, { headers })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ status: 'ok' })
  })
})

test('a client that hangs up in the middle of a body is no fault of ours', async () => {
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
  const ownLines = () =>
    service
      .output()
      .split('\n')
      .filter((line) => line.includes(requestId))
  await vi.waitFor(() => expect(ownLines()).toHaveLength(1), 5000)
  expect(JSON.parse(ownLines()[0] ?? '')).toMatchObject({ event: 'request', status: 400 })
})

test('several workers on PGlite are refused, with what to do', async () => {
  const refused = launch('node', { PORT: '0', DATABASE_URL: 'pglite://', WORKERS: '2' })
  expect(await refused.ended).toBe(1)
  expect(refused.output()).toContain('WORKERS needs a Postgres server')
})

test('an address in use ends the start with an error', async () => {
  const { port } = new URL(service.url)
  const second = launch('node', { PORT: port, DATABASE_URL: 'pglite://' })
  await once(second.process, 'close')
  expect(second.process.exitCode).toBe(1)
  expect(second.output()).toContain('EADDRINUSE')
})
