import { describe, expect, test } from 'vitest'
import { call } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const frontend = 'http://localhost:3000'
const others = ['https://evil.example', 'null', `${frontend}.evil.example`, `${frontend}/`]
const user = newUser()
const permissionsIn = ({ headers }: { headers: Headers }) =>
  [...headers.keys()].filter((name) => name.startsWith('access-control'))

const askFor = (path: string, origin: string, asked = 'authorization,content-type') =>
  call('OPTIONS', path, {
    headers: {
      origin,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': asked,
    },
  })
const allowedBy = ({ headers }: { headers: Headers }) =>
  headers.get('access-control-allow-headers')?.split(', ')

describe('a preflight', () => {
  const paths = ['/api/tasks', '/api/tasks/', `/api/${user}/tasks/x/toggle/`, '/health', '/nope']
  test.each(paths)('for %s is a 204 with all that a page needs, without a token', async (path) => {
    const answer = await askFor(path, frontend)
    expect(answer.status).toBe(204)
    const { headers } = answer
    expect(headers.get('access-control-allow-origin')).toBe(frontend)
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('access-control-max-age')).toBe('7200')
    const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
    expect(headers.get('access-control-allow-methods')).toBe(methods)
    const vary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'
    expect(headers.get('vary')).toContain(vary)
    expect(allowedBy(answer)).toEqual([
      ...['authorization', 'content-type', 'if-match', 'if-none-match', 'idempotency-key'],
      ...['x-request-id', 'x-requested-with', 'traceparent', 'tracestate', 'baggage'],
      ...['sentry-trace', 'cache-control', 'pragma', 'x-csrf-token'],
    ])
  })

  test('allows what a library adds to the requests of a page, and no name that is none', async () => {
    const asked = 'authorization,x-datadog-trace-id, uber-trace-id,a b,,x"y,\u00e9'
    const allowed = allowedBy(await askFor('/api/tasks', frontend, asked))
    expect(allowed?.slice(-3)).toEqual(['x-csrf-token', 'x-datadog-trace-id', 'uber-trace-id'])
  })

  test.each(others)('from %s allows nothing', async (origin) => {
    const answer = await askFor('/api/tasks', origin)
    expect(answer.status).toBe(204)
    expect(permissionsIn(answer)).toEqual([])
  })
})

test('only OPTIONS asks for permission: what else names a method is done, and needs credentials', async () => {
  const headers = { origin: frontend, 'access-control-request-method': 'POST' }
  expect((await call('GET', '/api/tasks', { headers })).status).toBe(401)
  const body = { title: 'x' }
  expect((await call('POST', '/api/tasks', { as: user, body, headers })).status).toBe(201)
})

describe('a response', () => {
  test.each([
    [200, 'GET', '/api/tasks', { as: user }],
    [201, 'POST', '/api/tasks', { as: user, body: { title: 'x' } }],
    [401, 'GET', '/api/tasks', {}],
    [404, 'GET', '/nope', {}],
    [405, 'PUT', '/api/tasks', {}],
    [413, 'POST', '/api/tasks', { as: user, raw: ' '.repeat(2 ** 17) }],
    [422, 'POST', '/api/tasks', { as: user, body: {} }],
  ])('of %i (%s %s) is for pages of the frontend alone', async (status, method, path, options) => {
    const ask = async (origin: string) => {
      const answer = await call(method, path, { ...options, headers: { origin } })
      expect([origin, answer.status]).toEqual([origin, status])
      return answer
    }
    const { headers } = await ask(frontend)
    expect(headers.get('access-control-allow-origin')).toBe(frontend)
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    for (const origin of others) expect(permissionsIn(await ask(origin)), origin).toEqual([])
  })

  test('lets the page read each header that the API document names, and Allow', async () => {
    const document = await call('GET', '/openapi.json', { headers: { origin: frontend } })
    const { components } = JSON.parse(document.text)
    const named = Object.keys(components.headers).map((name) => name.toLowerCase())
    expect(named.length).toBeGreaterThanOrEqual(11)
    // A page may read this one anyway (Fetch standard, CORS-safelisted response-header name).
    const guarded = named.filter((name) => name !== 'cache-control')
    const exposed = document.headers.get('access-control-expose-headers')?.split(', ')
    expect(exposed).toEqual(expect.arrayContaining(['allow', ...guarded]))
  })
})
