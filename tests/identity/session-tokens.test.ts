import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
  vi,
} from 'vitest'
import { countFlights } from '#tests/support/flights'
import { startIssuer } from '#tests/support/issuer'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { testSecret } from '#tests/support/secret'
import { tokenFor } from '#tests/support/tokens'
import { signUp, type Visitor } from '#tests/support/visitor'

const server = postgresAt(inject('postgresPort'))

const databaseUrl = server.url(await createDatabase(server))
const flights = await countFlights(databaseUrl)
const issuer = await startIssuer({ databaseUrl })
const origin = 'http://localhost:3000'
let closeDatabase = async () => {}
let handle: typeof import('#server/handle').handle
let visitor: Visitor

/** The service as these variables make it. */
async function serve(variables: Record<string, string> = {}) {
  await closeDatabase()
  vi.resetModules()
  const environment = { SESSION_TOKENS: 'true', ...variables }
  const service = { DATABASE_URL: flights.url, DATABASE_POOL_SIZE: '1', ...environment }
  for (const [name, value] of Object.entries(service)) vi.stubEnv(name, value)
  ;({ handle } = await import('#server/handle'))
  ;({ closeDatabase } = await import('#lib/service/database'))
  await (await import('#lib/service/database')).database()
}

function ask(path: string, init?: RequestInit): Promise<Response> {
  const url = new URL(path, 'http://service')
  return handle(new Request(url, init), url)
}

async function list(headers: Record<string, string>) {
  const response = await ask('/api/tasks', { headers })
  const body: { code?: string; detail?: string } = await response.json()
  return { status: response.status, code: body.code, detail: body.detail ?? '' }
}

/** The security schemes of the API document, all of which its paths take. */
async function describedSchemes(): Promise<Record<string, { name?: string }>> {
  const response = await ask('/openapi.json')
  const { security, components } = await response.json()
  expect(security.flatMap(Object.keys)).toEqual(Object.keys(components.securitySchemes))
  return components.securitySchemes
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = (value: string, from: string | undefined = origin) => ({
  cookie: value,
  ...(from !== undefined && { origin: from }),
})
const fromCookie = (name: string) =>
  decodeURIComponent(visitor.cookieHeader().split(`${name}=`)[1]?.split(';')[0] ?? '')

/** Signs as Better Auth does, so that a test can hold what Better Auth never gave out. */
async function signed(token: string, secret = testSecret): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', Buffer.from(secret), algorithm, false, ['sign'])
  const signature = await crypto.subtle.sign('HMAC', key, Buffer.from(token))
  return `${token}.${Buffer.from(signature).toString('base64')}`
}

beforeAll(async () => {
  await issuer.migrate()
  await serve({ USERS_TABLE: '"user"' })
})
beforeEach(async () => {
  visitor = await signUp(issuer.url, 'anna')
})
afterAll(async () => {
  await closeDatabase()
  await issuer.stop()
  await flights.stop()
})

describe('a session token', () => {
  test('is accepted as Bearer, as it is and URL-encoded', async () => {
    const token = fromCookie('better-auth.session_token')
    expect((await list(bearer(token))).status).toBe(200)
    expect((await list(bearer(encodeURIComponent(token)))).status).toBe(200)
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
  })

  test('is refused with the signature of another secret, before the database is asked', async () => {
    const [token = ''] = fromCookie('better-auth.session_token').split('.')
    const own = await signed(token)
    expect((await list(bearer(own))).status).toBe(200)
    const forged = await signed(token, 'another-secret-that-is-long-enough-too')
    const respelt = own.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`)
    const used = await flights.during(async () => {
      for (const attempt of [forged, respelt, own.slice(0, -1), `${token}.${'A'.repeat(43)}=`]) {
        expect(await list(bearer(attempt))).toMatchObject({ status: 401, code: 'token_invalid' })
        expect((await list(cookie(`better-auth.session_token=${attempt}`))).status).toBe(401)
      }
    })
    expect(used).toBe(0)
  })

  test('that Better Auth never gave out finds no session', async () => {
    const answer = await list(bearer(await signed('a'.repeat(32))))
    expect(answer).toMatchObject({ status: 401, code: 'token_invalid' })
  })

  test('without its signature is refused, and named', async () => {
    const [token = ''] = fromCookie('better-auth.session_token').split('.')
    const answer = await list(bearer(token))
    expect(answer.status).toBe(401)
    expect(answer.detail).toContain('without its signature')
  })

  test('is refused once its session has expired', async () => {
    const before = `update session set "expiresAt" = now() - interval '1 second' where "userId" = $1`
    await issuer.pool.query(before, [visitor.id])
    const answer = await list(bearer(visitor.sessionToken))
    expect(answer).toMatchObject({ status: 401, code: 'token_expired' })
  })

  test('is refused once its owner has signed out', async () => {
    await visitor.signOut()
    expect((await list(bearer(visitor.sessionToken))).status).toBe(401)
  })

  test('costs one round trip more than a JWT', async () => {
    const token = await tokenFor(visitor.id)
    expect(await flights.during(() => list(bearer(token)))).toBe(1)
    expect(await flights.during(() => list(bearer(visitor.sessionToken)))).toBe(2)
  })
})

describe('the session cookie', () => {
  test('is accepted from an allowed origin', async () => {
    expect((await list(cookie(visitor.cookieHeader()))).status).toBe(200)
  })

  test('is accepted on a read without an Origin, as a rewrite of the frontend forwards it', async () => {
    const headers = { cookie: visitor.cookieHeader(), 'sec-fetch-site': 'same-origin' }
    expect((await list(headers)).status).toBe(200)
  })

  test('is the __Secure- one where both are there', async () => {
    const value = visitor.cookieHeader().split('session_token=')[1]?.split(';')[0]
    const both = `better-auth.session_token=forged; __Secure-better-auth.session_token=${value}`
    expect((await list(cookie(both))).status).toBe(200)
  })

  test('is refused where there are two, for one may have been planted', async () => {
    const other = `better-auth.session_token=${await signed('a'.repeat(32))}`
    const answer = await list(cookie(`${visitor.cookieHeader()}; ${other}`))
    expect(answer).toMatchObject({ status: 401, code: 'token_invalid' })
  })

  test('is one where a browser sends it twice with one value', async () => {
    const own = visitor.cookieHeader()
    expect((await list(cookie(`${own}; theme=dark; ${own}`))).status).toBe(200)
    const secure = own.replace('better-auth.session_token', '__Secure-better-auth.session_token')
    expect((await list(cookie(`${secure}; ${secure}; ${own}`))).status).toBe(200)
    const other = `__Secure-better-auth.session_token=${await signed('a'.repeat(32))}`
    expect((await list(cookie(`${secure}; ${other}; ${own}`))).code).toBe('token_invalid')
  })

  test('never stands in for a header that is refused', async () => {
    for (const authorization of ['Bearer forged', 'Bearer', 'Basic YTpi', '']) {
      const answer = await list({ ...cookie(visitor.cookieHeader()), authorization })
      expect(answer.status, authorization).toBe(401)
    }
  })

  test('gives way to a token in the header', async () => {
    const other = await signUp(issuer.url, 'bert')
    const headers = { ...cookie(visitor.cookieHeader()), ...bearer(await tokenFor(other.id)) }
    expect((await ask(`/api/${other.id}/tasks`, { headers })).status).toBe(200)
  })
})

describe('other settings', () => {
  test('a remembered session costs no round trip, and a sign-out is noticed after 10 seconds', async () => {
    await serve()
    const together = () =>
      Promise.all(Array.from({ length: 5 }, () => list(bearer(visitor.sessionToken))))
    expect(await flights.during(together)).toBeLessThanOrEqual(6)
    expect(await flights.during(() => list(bearer(visitor.sessionToken)))).toBe(1)
    await visitor.signOut()
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
    onTestFinished(() => void vi.useRealTimers())
    const foundAt = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: foundAt + 5000 })
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
    vi.setSystemTime(foundAt + 10_000)
    expect((await list(bearer(visitor.sessionToken))).status).toBe(401)
  })

  test('off, the 401 says what was sent', async () => {
    await serve({ SESSION_TOKENS: 'false' })
    const used = await flights.during(async () => {
      const asBearer = await list(bearer(visitor.sessionToken))
      expect(asBearer).toMatchObject({ status: 401, code: 'token_invalid' })
      expect(asBearer.detail).toContain('session token, not a JWT')
      const asCookie = await list(cookie(visitor.cookieHeader()))
      expect(asCookie).toMatchObject({ status: 401, code: 'credentials_missing' })
      expect(asCookie.detail).toContain('session cookie')
    })
    expect(used).toBe(0)
  })

  test('the prefix of the cookie is configurable', async () => {
    await serve({ SESSION_COOKIE_PREFIX: 'my-app' })
    const own = visitor.cookieHeader().replace('better-auth.', 'my-app.')
    expect((await list(cookie(own))).status).toBe(200)
    expect((await list(cookie(visitor.cookieHeader()))).status).toBe(401)
  })

  test('each cookie that the API document names counts, and none is named where none does', async () => {
    await serve({ SESSION_COOKIE_PREFIX: 'my-app' })
    const value = visitor.cookieHeader().split('session_token=')[1]?.split(';')[0]
    const { bearer: header, ...cookies } = await describedSchemes()
    expect(header).toMatchObject({ type: 'http', scheme: 'bearer' })
    expect(Object.keys(cookies)).toHaveLength(2)
    for (const { name } of Object.values(cookies)) {
      expect((await list(cookie(`${name}=${value}`))).status, name).toBe(200)
    }
    await serve({ SESSION_TOKENS: 'false' })
    expect(Object.keys(await describedSchemes())).toEqual(['bearer'])
  })

  test('an expiry in a column without a time zone is read as UTC', async () => {
    const settings = { SESSIONS_TABLE: 'plain_sessions', TZ: 'Pacific/Auckland' }
    await issuer.pool.query(`create table plain_sessions as
      select token, "userId" as user_id, "expiresAt" at time zone 'UTC' as expires_at from session`)
    await serve(settings)
    await issuer.pool.query("alter role postgres set timezone = 'Pacific/Auckland'")
    const change = `update plain_sessions set expires_at = now() at time zone 'UTC' + $1::interval`
    await issuer.pool.query(change, ['5 minutes'])
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
    await issuer.pool.query(change, ['-5 minutes'])
    await serve(settings)
    expect((await list(bearer(visitor.sessionToken))).code).toBe('token_expired')
    await issuer.pool.query('alter role postgres reset timezone')
    vi.stubEnv('TZ', 'UTC')
  })

  test.each(['infinity', '-infinity', 'soon', '', '294276-12-31 23:59:59', '2026-13-45'])(
    'an expiry of "%s" lets nobody in',
    async (expiry) => {
      await issuer.pool.query('drop table if exists odd_sessions')
      const type = /^-?infinity$|^294276/.test(expiry) ? 'timestamptz' : 'text'
      await issuer.pool.query(`create table odd_sessions as
        select token, "userId", '${expiry}'::${type} as "expiresAt" from session`)
      await serve({ SESSIONS_TABLE: 'odd_sessions' })
      expect((await list(bearer(visitor.sessionToken))).status).toBe(401)
      expect((await list(cookie(visitor.cookieHeader()))).status).toBe(401)
    },
  )

  test('a look-up that failed is not remembered: the next request asks again', async () => {
    await serve({ SESSIONS_TABLE: 'session' })
    await issuer.pool.query('alter table session rename to sessions_elsewhere')
    const failed = await list(bearer(visitor.sessionToken))
    await issuer.pool.query('alter table sessions_elsewhere rename to session')
    expect(failed).toMatchObject({ status: 500, code: 'internal_error' })
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
  })

  test('a session that was not found is not remembered as none: it counts once it is there', async () => {
    await serve({ SESSIONS_TABLE: 'session' })
    const token = 'b'.repeat(31) + Math.floor(Math.random() * 10)
    const early = await list(bearer(await signed(token)))
    expect(early).toMatchObject({ status: 401, code: 'token_invalid' })
    await issuer.pool.query(
      `insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
        values ($1, $1, $2, now() + interval '1 hour', now(), now())`,
      [token, visitor.id],
    )
    expect((await list(bearer(await signed(token)))).status).toBe(200)
  })
})
