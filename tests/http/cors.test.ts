import { describe, expect, test } from 'vitest'
import { call } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const frontend = 'http://localhost:3000'
const user = newUser()
const exposedBy = ({ headers }: { headers: Headers }) =>
  headers.get('access-control-expose-headers')?.split(', ') ?? []
const permissionsIn = ({ headers }: { headers: Headers }) =>
  [...headers.keys()].filter((name) => name.startsWith('access-control'))

describe('a preflight', () => {
  test.each(['/api/tasks', '/api/tasks/', `/api/${user}/tasks/x/toggle/`, '/health', '/nope'])(
    'for %s is answered 204 with all that a page needs, without credentials',
    async (path) => {
      const answer = await call('OPTIONS', path, {
        headers: {
          origin: frontend,
          'access-control-request-method': 'PATCH',
          'access-control-request-headers': 'authorization,content-type',
        },
      })
      expect(answer.status).toBe(204)
      const { headers } = answer
      expect(headers.get('access-control-allow-origin')).toBe(frontend)
      expect(headers.get('access-control-allow-credentials')).toBe('true')
      expect(headers.get('access-control-max-age')).toBe('7200')
      const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
      expect(headers.get('access-control-allow-methods')).toBe(methods)
      const vary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'
      expect(headers.get('vary')).toContain(vary)
      const allowed = headers.get('access-control-allow-headers')?.split(', ')
      expect(allowed).toEqual([
        ...['authorization', 'content-type', 'if-match', 'if-none-match', 'idempotency-key'],
        ...['x-request-id', 'x-requested-with', 'traceparent', 'tracestate', 'baggage'],
        ...['sentry-trace', 'cache-control', 'pragma', 'x-csrf-token'],
      ])
    },
  )

  test('allows what a library adds to the requests of a page, and no name that is none', async () => {
    const asked = 'authorization,x-datadog-trace-id, uber-trace-id,a b,,x"y,\u00e9'
    const headers = { 'access-control-request-method': 'GET' }
    for (const [origin, isAllowed] of [
      [frontend, true],
      ['https://evil.example', false],
    ] as const) {
      const answer = await call('OPTIONS', '/api/tasks', {
        headers: { ...headers, origin, 'access-control-request-headers': asked },
      })
      const allowed = answer.headers.get('access-control-allow-headers')?.split(', ')
      const added = ['x-csrf-token', 'x-datadog-trace-id', 'uber-trace-id']
      expect(allowed?.slice(-3)).toEqual(isAllowed ? added : undefined)
    }
  })

  test.each([
    'http://localhost:3001',
    'https://evil.example',
    'null',
    'http://localhost:3000.evil',
  ])('from %s allows nothing', async (origin) => {
    const answer = await call('OPTIONS', '/api/tasks', {
      headers: { origin, 'access-control-request-method': 'GET' },
    })
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
  const [body, elsewhere] = [{ title: 'x' }, '/api/somebody-else/tasks']
  describe.each([
    [200, 'GET', '/api/tasks', { as: user }],
    [201, 'POST', '/api/tasks', { as: user, body }],
    [401, 'GET', '/api/tasks', {}],
    [403, 'GET', elsewhere, { as: user }],
    [404, 'GET', '/api/tasks/x', { as: user }],
    [404, 'GET', '/nope', {}],
    [405, 'PUT', '/api/tasks', {}],
    [413, 'POST', '/api/tasks', { as: user, raw: ' '.repeat(2 ** 17) }],
    [422, 'POST', '/api/tasks', { as: user, body: {} }],
  ])('of %i (%s %s)', (status, method, path, options) => {
    test('to the frontend can be read by its page', async () => {
      const answer = await call(method, path, { ...options, headers: { origin: frontend } })
      const { headers } = answer
      expect(answer.status).toBe(status)
      expect(headers.get('access-control-allow-origin')).toBe(frontend)
      expect(headers.get('access-control-allow-credentials')).toBe('true')
      const own = ['allow', 'etag', 'location', 'ratelimit', 'ratelimit-policy', 'www-authenticate']
      const sent = own.filter((name) => headers.has(name))
      expect(exposedBy(answer)).toEqual(expect.arrayContaining(['etag', ...sent]))
    })

    test('to a page elsewhere allows it nothing, credentials neither', async () => {
      const others = ['https://evil.example', 'null', `${frontend}.evil.example`, `${frontend}/`]
      for (const origin of others) {
        const answer = await call(method, path, { ...options, headers: { origin } })
        expect(answer.status).toBe(status)
        expect([origin, permissionsIn(answer)]).toEqual([origin, []])
      }
    })
  })

  test('lets the page read each header that the API document names, and Allow', async () => {
    const document = await call('GET', '/openapi.json', { headers: { origin: frontend } })
    const { components } = JSON.parse(document.text)
    const named = Object.keys(components.headers).map((name) => name.toLowerCase())
    expect(named.length).toBeGreaterThanOrEqual(11)
    // A page may read this one anyway (Fetch standard, CORS-safelisted response-header name).
    const others = named.filter((name) => name !== 'cache-control')
    expect(exposedBy(document)).toEqual(expect.arrayContaining(['allow', ...others]))
  })
})
