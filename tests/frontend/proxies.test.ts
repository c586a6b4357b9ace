import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { proxies, startWebProxy } from '#tests/frontend/web-proxies'
import { server } from '#tests/support/databases'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { freePort, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const database = await startFaultProxy(server.port)
const [origin, addressLimit] = ['https://app.example.com', 60]
const settings = {
  DATABASE_URL: postgresAt(database.port).url(await createDatabase(server)),
  PORT: String(await freePort()),
  ...{ HOST: '127.0.0.1', TRUSTED_PROXIES: '127.0.0.1', CORS_ORIGINS: origin },
  RATE_LIMIT_ADDRESS: `${addressLimit}/86400`,
}
let service = await startService('node', settings)

/** Each alone on a host, and under a path of another host; without a URL where it is not installed. */
const places = await Promise.all(
  proxies
    .flatMap((proxy) => ['', '/backend'].map((prefix) => ({ ...proxy, prefix })))
    .map(async ({ isInstalled, ...place }) => {
      const started =
        isInstalled && startWebProxy(place.name, place.prefix, `127.0.0.1:${settings.PORT}`)
      return { ...place, url: '', ...(await started) }
    }),
)

afterAll(async () => {
  await Promise.all(places.map(({ stop }) => stop?.()))
  await service.stop('SIGKILL')
  await database.close()
})

let clients = 0
/** An address of this machine that is no proxy's: another one for each test. */
const newClient = () => `127.1.${Math.floor(clients / 200)}.${1 + (clients++ % 200)}`
let client: string
beforeEach(() => {
  client = newClient()
  database.mode = 'pass'
})

function cutOffDatabase() {
  database.mode = 'refuse'
  database.reset()
}

interface Options {
  headers?: Record<string, string>
  body?: unknown
  /** The body comes in two chunks, or once the server asks for it. */
  how?: 'chunked' | 'expected'
  as?: string
  from?: string
  agent?: Agent
}

/** Sends the path as it is: `fetch` would take `%2e%2e` away. */
async function ask(base: string, method: string, path: string, options: Options = {}) {
  const { body, how, as, from = client, agent } = options
  const content = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    'accept-encoding': 'gzip',
    ...(as !== undefined && { authorization: `Bearer ${await tokenFor(as)}` }),
    ...(content !== '' && { 'content-type': 'application/json' }),
    ...(content !== '' && how !== 'chunked' && { 'content-length': content.length }),
    ...(how === 'expected' && { expect: '100-continue' }),
    ...options.headers,
  }
  const target = new URL(base).pathname.replace(/\/$/, '') + path
  const sent = request(base, { method, path: target, localAddress: from, agent, headers })
  const answered: Promise<IncomingMessage[]> = once(sent, 'response')
  if (how === 'expected') {
    sent.flushHeaders()
    await once(sent, 'continue')
  }
  if (how === 'chunked') sent.write(content.slice(0, 9))
  sent.end(how === 'chunked' ? content.slice(9) : content)
  const [answer] = await answered
  if (answer === undefined) throw new Error('There is no answer.')
  const bytes = await buffer(answer)
  const isCompressed = answer.headers['content-encoding'] === 'gzip' && bytes.length > 0
  const text = String(isCompressed ? gunzipSync(bytes) : bytes)
  return { status: answer.statusCode, headers: answer.headers, tag: `${answer.headers.etag}`, text }
}

/** What differs from one connection or moment to the next. */
const passing = /^(date|server|via|connection|keep-alive|transfer-encoding|ratelimit|vary)$/

describe.each(places)('$name, with the service at $prefix/', ({ name, prefix, tag, url }) => {
  const check = test.skipIf(url === '')
  const as = newUser()
  const task = { title: 'Buy milk', description: 'milk '.repeat(180) }
  const create = () => ask(url, 'POST', '/api/tasks', { as, body: task })
  /** A reference in an answer to a request, as a path of the service. */
  function follow(reference: string | undefined, from: string): string {
    const next = new URL(reference ?? 'none', url + from).href
    expect(next).toMatch(`${url}/`)
    return next.slice(url.length)
  }

  check('a tag as it spells it counts until it is stale', async () => {
    const path = `/api/tasks/${JSON.parse((await create()).text).id}`
    const read = (target: string, tag = '"0"') =>
      ask(url, 'GET', target, { as, headers: { 'if-none-match': tag } })
    const own = await ask(service.url, 'GET', path, { as })
    const first = await read(path)
    expect(first.headers['content-encoding']).toBe('gzip')
    expect(first.tag.replace(own.tag.slice(1, -1), 'N')).toMatch(tag)

    for (const [method, suffix, status, body] of [
      ['PATCH', '', 200, { title: 'Patched' }],
      ['PUT', '', 200, { title: 'Put' }],
      ['PATCH', '/complete', 200, undefined],
      ['DELETE', '', 204, undefined],
    ] as const) {
      const write = (tag: string) =>
        ask(url, method, path + suffix, { as, body, headers: { 'if-match': tag } })
      const [{ tag }, list] = [await read(path), await read('/api/tasks')]
      expect((await read(path, tag)).status).toBe(304)
      expect((await read('/api/tasks', list.tag)).status).toBe(304)
      expect((await write(tag.replace(/\d/, '0'))).status).toBe(412)
      expect((await write(tag)).status).toBe(status)
      expect((await write(tag)).status).toBe(method === 'DELETE' ? 404 : 412)
      expect((await read('/api/tasks', list.tag)).status).toBe(200)
    }
  })

  // As `tests/http/document.test.ts` has it of the links in pages, which are relative.
  check('Location and Link lead to what is there', async () => {
    await create()
    const { headers, text } = await create()
    const location = follow(headers.location, '/api/tasks')
    expect((await ask(url, 'GET', location, { as })).text).toBe(text)

    const page = await ask(url, 'GET', '/api/tasks?limit=1', { as })
    const [, link] = /<(.*)>; rel="next"/.exec(`${page.headers['link']}`) ?? []
    const next = await ask(url, 'GET', follow(link, '/api/tasks?limit=1'), { as })
    expect([next.status, next.text === page.text]).toEqual([200, false])
  })

  check('the client’s address is the one that it names, whatever the client writes', async () => {
    const victim = newClient()
    const forge = () =>
      ask(url, 'GET', '/api/tasks', { headers: { 'x-forwarded-for': `${newClient()}, ${victim}` } })
    const answers = await Promise.all(Array.from({ length: addressLimit }, forge))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
    const { status, headers, text } = await forge()
    expect([status, JSON.parse(text).code]).toEqual([429, 'rate_limited'])
    expect(headers['retry-after']).toMatch(/^\d+$/)
    expect((await ask(url, 'GET', '/api/tasks', { from: victim })).status).toBe(401)
  })

  check('paths and bodies of every form arrive, /metrics does not', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const path = (id: string) => `/api/${encodeURIComponent(id)}/tasks`
    const odd = `a|b ü%.${as}`
    const big = { title: 'x'.repeat(900_000) }
    // It passes a path without its prefix on as it has read it: decoded.
    const isDecoded = name === 'nginx' && prefix !== ''
    const forms: [number, string, string, Options][] = [
      [201, 'POST', path(odd), { body: task }],
      [201, 'POST', path(odd), { body: task, how: 'chunked' }],
      [201, 'POST', path(odd), { body: task, how: 'expected' }],
      [413, 'POST', path(odd), { body: big }],
      [413, 'POST', path(odd), { body: big, how: 'chunked' }],
      [401, 'POST', path(odd), { body: big, headers: { authorization: 'Bearer x' } }],
      [200, 'GET', path(odd), {}],
      [isDecoded ? 404 : 200, 'GET', path('a/b'), { as: 'a/b' }],
      [200, 'GET', '/api/%2e%2e/health', {}],
    ]
    const answers: unknown[] = []
    for (const [, method, target, options] of forms) {
      const answer = await ask(url, method, target, { as: odd, agent, ...options })
      answers.push([answer.status, 'x-request-id' in answer.headers])
    }
    expect(answers).toEqual(forms.map(([status]) => [status, true]))
    const { headers } = await ask(url, 'GET', '/metrics', { agent })
    expect(headers).not.toHaveProperty('x-request-id')
    agent.destroy()
  })

  check('a problem document arrives as the service sends it, with its headers', async () => {
    const path = follow((await create()).headers.location, '/api/tasks')
    const problems: [number, string, string, Options][] = [
      [401, 'GET', path, {}],
      [401, 'GET', path, { headers: { authorization: 'Bearer x' } }],
      [404, 'GET', `${path}x`, { as }],
      [405, 'DELETE', '/api/tasks', {}],
      [412, 'DELETE', path, { as, headers: { 'if-match': '"0"' } }],
      [422, 'POST', '/api/tasks', { as, body: { title: '' } }],
      [503, 'GET', path, { as }],
    ]
    for (const [status, method, target, options] of problems) {
      if (status === 503) cutOffDatabase()
      const headers = { origin, 'x-request-id': 'the-same', ...options.headers }
      const [direct, through] = await Promise.all(
        [service.url, url].map(async (base) => {
          const answer = await ask(base, method, target, { ...options, headers })
          const kept = Object.entries(answer.headers).filter(([name]) => !passing.test(name))
          return { ...answer, headers: Object.fromEntries(kept) }
        }),
      )
      expect(through).toEqual(direct)
      expect(through).toMatchObject({ status, headers: { 'access-control-allow-origin': origin } })
    }
  })
})

const installed = places.filter(({ url }) => url !== '')

test.skipIf(installed.length === 0)(
  'each proxy answers for itself while the service is away, and serves once it is back',
  async () => {
    await service.stop('SIGKILL')
    for (const { name, url } of installed) {
      const { status, headers } = await ask(url, 'GET', '/health')
      expect([name, status]).toEqual([name, name === 'apache2' ? 503 : 502])
      expect(headers).not.toHaveProperty('x-request-id')
    }
    service = await startService('node', settings)
    for (const { name, url } of installed) {
      const body = { title: 'Buy milk' }
      const { status } = await ask(url, 'POST', '/api/tasks', { as: newUser(), body })
      expect([name, status]).toEqual([name, 201])
    }
  },
)
