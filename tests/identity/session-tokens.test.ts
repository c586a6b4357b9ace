import { createHmac } from 'node:crypto'
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
import { startFaultProxy } from '#tests/support/fault-proxy'
import { closeHere, type ServiceHere, startHere } from '#tests/support/in-process'
import { startIssuer } from '#tests/support/issuer'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { testSecret, tokenFor } from '#tests/support/tokens'
import { signUp, type Visitor } from '#tests/support/visitor'

const server = postgresAt(inject('postgresPort'))

const name = await createDatabase(server)
const proxy = await startFaultProxy(server.port)
const issuer = await startIssuer({ databaseUrl: server.url(name) })
const origin = 'http://localhost:3000'
let service: ServiceHere
let visitor: Visitor

/** Starts the service with these settings, behind a proxy that counts its round trips. */
async function serve(settings: Record<string, string> = {}) {
  const own = { DATABASE_URL: postgresAt(proxy.port).url(name), DATABASE_POOL_SIZE: '1' }
  service = await startHere({ SESSION_TOKENS: 'true', USERS_TABLE: '"user"', ...own, ...settings })
}

/** The round trips to the database while `work` runs. */
async function roundTrips(work: () => Promise<unknown>): Promise<number> {
  const before = proxy.exchanges
  await work()
  return proxy.exchanges - before
}

async function list(headers: Record<string, string>) {
  const response = await service.ask('/api/tasks', { headers })
  const body: { code?: string; detail?: string } = await response.json()
  return { status: response.status, code: body.code, detail: body.detail ?? '' }
}

/** The security schemes of the API document, all of which its paths take. */
async function describedSchemes(): Promise<Record<string, { name?: string }>> {
  const response = await service.ask('/openapi.json')
  const { security, components } = await response.json()
  expect(security.flatMap(Object.keys)).toEqual(Object.keys(components.securitySchemes))
  return components.securitySchemes
}

const statusOf = async (headers: Record<string, string>) => (await list(headers)).status
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = (value: string, from = origin) => ({ cookie: value, origin: from })

const cookieName = 'better-auth.session_token'
const never = 'a'.repeat(32)
const anotherSecret = 'another-secret-that-is-long-enough-too'
/** The value of the visitor's session cookie: the token and its signature, URL-encoded. */
const cookieValue = () => visitor.cookieHeader().split(`${cookieName}=`)[1]?.split(';')[0] ?? ''
/** The visitor's token as the database has it. */
const bareToken = () => decodeURIComponent(cookieValue()).split('.')[0] ?? ''
/** Stores another session of the visitor. */
const storeSession = (token: string) =>
  issuer.pool.query(
    `insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
      values ($1, $1, $2, now() + interval '1 hour', now(), now())`,
    [token, visitor.id],
  )

/** Signs as Better Auth does, so that a test can hold what Better Auth never gave out. */
const signed = (token: string, secret = testSecret) =>
  `${token}.${createHmac('sha256', secret).update(token).digest('base64')}`

beforeAll(async () => {
  await issuer.migrate()
  await serve()
})
beforeEach(async () => {
  visitor = await signUp(issuer.url, 'anna')
})
afterAll(async () => {
  await closeHere()
  await issuer.stop()
  await proxy.close()
})

describe('a session token', () => {
  test('is accepted as Bearer, as it is and URL-encoded', async () => {
    const encoded = cookieValue()
    for (const token of [encoded, decodeURIComponent(encoded), visitor.sessionToken]) {
      expect(await statusOf(bearer(token))).toBe(200)
    }
  })

  test('is refused with the signature of another secret, before the database is asked', async () => {
    const token = bareToken()
    const own = signed(token)
    const forged = signed(token, anotherSecret)
    const respelt = own.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`)
    const used = await roundTrips(async () => {
      for (const attempt of [forged, respelt, own.slice(0, -1), `${token}.${'A'.repeat(43)}=`]) {
        expect(await list(bearer(attempt))).toMatchObject({ status: 401, code: 'token_invalid' })
        expect(await statusOf(cookie(`${cookieName}=${attempt}`))).toBe(401)
      }
    })
    expect(used).toBe(0)
  })

  test('without its signature is refused, and named', async () => {
    const answer = await list(bearer(bareToken()))
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
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(401)
  })
})

describe('the session cookie', () => {
  test('is accepted on a read without an Origin, as a rewrite of the frontend forwards it', async () => {
    const headers = { cookie: visitor.cookieHeader(), 'sec-fetch-site': 'same-origin' }
    expect(await statusOf(headers)).toBe(200)
  })

  const cookies = (...values: string[]) =>
    statusOf(cookie(values.map((value) => `${cookieName}=${value}`).join('; theme=dark; ')))

  test('of several the good one counts, wherever it stands, and four at most are read', async () => {
    const own = cookieValue()
    const past = await signUp(issuer.url, 'anna')
    await past.signOut()
    const [ended, unknown] = [past.sessionToken, signed(never)]
    for (const bad of [ended, unknown, 'forged', '']) {
      expect(await cookies(bad, own), bad).toBe(200)
      expect(await cookies(own, bad), bad).toBe(200)
      expect(await cookies(bad, unknown), bad).toBe(401)
    }
    expect(await cookies(own, own)).toBe(200)
    expect(await cookies(own, unknown, ended, 'forged')).toBe(200)
    expect(await cookies(own, unknown, ended, '1', '2')).toBe(401)
    await storeSession('c'.repeat(32))
    expect(await cookies(own, signed('c'.repeat(32)))).toBe(200)
  })

  test('is refused where those of two users are good, for one may have been planted', async () => {
    const own = visitor.cookieHeader()
    const other = (await signUp(issuer.url, 'mallory')).cookieHeader()
    for (const both of [`${own}; ${other}`, `${other}; ${own}`]) {
      const answer = await list(cookie(both))
      expect(answer).toMatchObject({ status: 401, code: 'token_invalid' })
      expect(answer.detail).toContain('of two users')
    }
  })

  test('is the __Secure- one where both are there, also where that one is refused', async () => {
    const own = `${cookieName}=${cookieValue()}`
    const secure = `__Secure-${own}`
    const planted = `__Secure-${cookieName}=${signed(never)}`
    expect(await statusOf(cookie(`${cookieName}=forged; ${secure}; ${secure}`))).toBe(200)
    expect(await statusOf(cookie(`${planted}; ${own}`))).toBe(401)
  })

  test('counts beside HTTP Basic, and never stands in for a Bearer header that is refused', async () => {
    const withHeader = (authorization: string, from = origin) =>
      statusOf({ ...cookie(visitor.cookieHeader(), from), authorization })
    const others = ['Basic YTpi', 'basic YTpi', 'Digest username="bearer"', 'Negotiate YII']
    for (const header of others) expect(await withHeader(header), header).toBe(200)
    for (const header of ['Bearer forged', 'Bearer', 'bearer YTpi', 'Basic YTpi, Bearer forged']) {
      expect(await withHeader(header), header).toBe(401)
    }
    expect(await withHeader('Basic YTpi', 'http://evil.example')).toBe(401)
    const alone = await list({ authorization: 'Basic YTpi' })
    expect(alone).toMatchObject({ status: 401, code: 'credentials_missing' })
  })

  test('gives way to a token in the header', async () => {
    const other = await signUp(issuer.url, 'bert')
    const headers = { ...cookie(visitor.cookieHeader()), ...bearer(await tokenFor(other.id)) }
    expect((await service.ask(`/api/${other.id}/tasks`, { headers })).status).toBe(200)
  })
})

describe('other settings', () => {
  test('a remembered session costs no round trip, and a sign-out is noticed after 10 seconds', async () => {
    await serve()
    const together = () =>
      Promise.all(Array.from({ length: 5 }, () => list(bearer(visitor.sessionToken))))
    expect(await roundTrips(together)).toBeLessThanOrEqual(6)
    expect(await roundTrips(() => list(bearer(visitor.sessionToken)))).toBe(1)
    await visitor.signOut()
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(200)
    onTestFinished(() => void vi.useRealTimers())
    const foundAt = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: foundAt + 5000 })
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(200)
    vi.setSystemTime(foundAt + 10_000)
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(401)
  })

  test('where the clock is set back, a session is looked up again: nobody knows how long it was remembered', async () => {
    await serve()
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(200)
    await visitor.signOut()
    onTestFinished(() => void vi.useRealTimers())
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 60_000 })
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(401)
  })

  test('off, the 401 says what was sent', async () => {
    await serve({ SESSION_TOKENS: 'false' })
    const used = await roundTrips(async () => {
      const asBearer = await list(bearer(visitor.sessionToken))
      expect(asBearer).toMatchObject({ status: 401, code: 'token_invalid' })
      expect(asBearer.detail).toContain('session token, not a JWT')
      const asCookie = await list(cookie(visitor.cookieHeader()))
      expect(asCookie).toMatchObject({ status: 401, code: 'credentials_missing' })
      expect(asCookie.detail).toContain('session cookie')
    })
    expect(used).toBe(0)
  })

  test('each cookie that the API document names counts, and none is named where none does', async () => {
    await serve({ SESSION_COOKIE: 'login' })
    const { bearer: header, ...cookies } = await describedSchemes()
    expect(header).toMatchObject({ type: 'http', scheme: 'bearer' })
    expect(Object.keys(cookies)).toHaveLength(2)
    for (const { name } of Object.values(cookies)) {
      expect(await statusOf(cookie(`${name}=${cookieValue()}`)), name).toBe(200)
    }
    expect(await statusOf(cookie(visitor.cookieHeader()))).toBe(401)
    await serve({ SESSION_TOKENS: 'false' })
    expect(Object.keys(await describedSchemes())).toEqual(['bearer'])
  })

  test('unsigned, a bare token counts as Bearer, and the cookie still needs its signature', async () => {
    const settings = { SESSION_TOKENS: 'unsigned' }
    await serve(settings)
    const token = bareToken()
    expect(await statusOf(bearer(token))).toBe(200)
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(200)
    expect(await statusOf(cookie(visitor.cookieHeader()))).toBe(200)
    expect(await statusOf(bearer(await tokenFor(visitor.id)))).toBe(200)
    for (const bare of [token, `${token}.`, encodeURIComponent(`${token}.x`)]) {
      const answer = await list(cookie(`${cookieName}=${bare}`))
      expect(answer, bare).toMatchObject({ status: 401, code: 'token_invalid' })
    }
    const forged = signed(token, anotherSecret)
    expect(await statusOf(bearer(forged))).toBe(401)
    for (const made of ['a'.repeat(32), token.slice(1), `${token}a`, `${token}.`]) {
      expect(await list(bearer(made))).toMatchObject({ status: 401, code: 'token_invalid' })
    }
    await visitor.signOut()
    await serve(settings)
    expect(await statusOf(bearer(token))).toBe(401)
  })

  test('an expiry in a column without a time zone is read as UTC', async () => {
    const settings = { SESSIONS_TABLE: 'plain_sessions', TZ: 'Pacific/Auckland' }
    await issuer.pool.query(`create table plain_sessions as
      select token, "userId" as user_id, "expiresAt" at time zone 'UTC' as expires_at from session`)
    await serve(settings)
    await issuer.pool.query("alter role postgres set timezone = 'Pacific/Auckland'")
    const change = `update plain_sessions set expires_at = now() at time zone 'UTC' + $1::interval`
    await issuer.pool.query(change, ['5 minutes'])
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(200)
    await issuer.pool.query(change, ['-5 minutes'])
    await serve(settings)
    expect((await list(bearer(visitor.sessionToken))).code).toBe('token_expired')
    await issuer.pool.query('alter role postgres reset timezone')
  })

  test.each(['infinity', '-infinity', 'soon', '', '294276-12-31 23:59:59', '2026-13-45'])(
    'an expiry of "%s" lets nobody in',
    async (expiry) => {
      await issuer.pool.query('drop table if exists odd_sessions')
      const type = /^-?infinity$|^294276/.test(expiry) ? 'timestamptz' : 'text'
      await issuer.pool.query(`create table odd_sessions as
        select token, "userId", '${expiry}'::${type} as "expiresAt" from session`)
      await serve({ SESSIONS_TABLE: 'odd_sessions' })
      expect(await statusOf(bearer(visitor.sessionToken))).toBe(401)
    },
  )

  test('a look-up that failed is not remembered: the next request asks again', async () => {
    await serve({ SESSIONS_TABLE: 'session' })
    await issuer.pool.query('alter table session rename to sessions_elsewhere')
    const failed = await list(bearer(visitor.sessionToken))
    await issuer.pool.query('alter table sessions_elsewhere rename to session')
    expect(failed).toMatchObject({ status: 503, code: 'not_ready' })
    expect(await statusOf(bearer(visitor.sessionToken))).toBe(200)
  })

  test('a session that was not found is not remembered as none: it counts once it is there', async () => {
    await serve({ SESSIONS_TABLE: 'session' })
    const token = 'b'.repeat(31) + Math.floor(Math.random() * 10)
    const early = await list(bearer(signed(token)))
    expect(early).toMatchObject({ status: 401, code: 'token_invalid' })
    await storeSession(token)
    expect(await statusOf(bearer(signed(token)))).toBe(200)
  })
})
