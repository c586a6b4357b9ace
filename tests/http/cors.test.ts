import { describe, expect, test } from 'vitest'
import { call } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const frontend = 'http://localhost:3000'
const user = newUser()
const exposedBy = ({ headers }: { headers: Headers }) =>
  headers.get('access-control-expose-headers')?.split(', ') ?? []

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
      const methods = headers.get('access-control-allow-methods')?.split(', ')
      expect(methods).toEqual(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      const vary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'
      expect(headers.get('vary')).toContain(vary)
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
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
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual(
      [],
    )
  })
})

test('only OPTIONS asks for permission: what else names a method is done, and needs credentials', async () => {
  const headers = { origin: frontend, 'access-control-request-method': 'POST' }
  expect((await call('GET', '/api/tasks', { headers })).status).toBe(401)
  const body = { title: 'x' }
  expect((await call('POST', '/api/tasks', { as: user, body, headers })).status).toBe(201)
})

describe('a response to the frontend', () => {
  test.each([
    [200, 'GET', '/api/tasks', { as: user }],
    [201, 'POST', '/api/tasks', { as: user, body: { title: 'x' } }],
    [401, 'GET', '/api/tasks', {}],
    [403, 'GET', '/api/somebody-else/tasks', { as: user }],
    [404, 'GET', '/api/tasks/x', { as: user }],
    [404, 'GET', '/nope', {}],
    [405, 'PUT', '/api/tasks', {}],
    [422, 'POST', '/api/tasks', { as: user, body: {} }],
  ])('of %i can be read by the page', async (status, method, path, options) => {
    const answer = await call(method, path, { ...options, headers: { origin: frontend } })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('access-control-allow-origin')).toBe(frontend)
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
    expect(answer.headers.get('vary')).toContain('Origin')
    const exposed = exposedBy(answer)
    expect(exposed).toContain('etag')
    const own = ['allow', 'etag', 'location', 'ratelimit', 'ratelimit-policy', 'www-authenticate']
    expect(exposed).toEqual(expect.arrayContaining(own.filter((name) => answer.headers.has(name))))
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

  test.each([
    [200, 'GET', '/api/tasks', { as: user }],
    [201, 'POST', '/api/tasks', { as: user, body: { title: 'x' } }],
    [401, 'GET', '/api/tasks', {}],
    [404, 'GET', '/nope', {}],
    [422, 'POST', '/api/tasks', { as: user, body: {} }],
    [200, 'GET', '/health', {}],
  ])('of %i to a page elsewhere allows it nothing, credentials neither', async (...row) => {
    const [status, method, path, options] = row
    const elsewhere = ['https://evil.example', 'null', `${frontend}.evil.example`, `${frontend}/`]
    for (const origin of elsewhere) {
      const answer = await call(method, path, { ...options, headers: { origin } })
      expect(answer.status).toBe(status)
      const names = [...answer.headers.keys()].filter((name) => name.startsWith('access-control'))
      expect([origin, names]).toEqual([origin, []])
      // Otherwise a shared cache would give this answer to the frontend too.
      expect(answer.headers.get('vary')).toContain('Origin')
    }
  })
})
