import { createHmac } from 'node:crypto'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { server } from '#tests/support/databases'
import { startFaultProxy } from '#tests/support/fault-proxy'
import { closeHere, type ServiceHere, startHere } from '#tests/support/in-process'
import { startIssuer } from '#tests/support/issuer'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { testSecret, tokenFor } from '#tests/support/tokens'
import { signUp, type Visitor } from '#tests/support/visitor'

const name = await createDatabase(server)
const proxy = await startFaultProxy(server.port)
const issuer = await startIssuer({ databaseUrl: server.url(name) })
const cookieName = 'better-auth.session_token'
const anotherSecret = 'another-secret-that-is-long-enough-too'
let service: ServiceHere
let visitor: Visitor
/** The visitor's token as the database has it. */
let bareToken: string
/** The value of the visitor's session cookie: the token and its signature, URL-encoded. */
let cookieValue: string

/** Starts the service with these settings, behind a proxy that counts its round trips. */
async function serve(settings: Record<string, string> = {}) {
  const own = { DATABASE_URL: postgresAt(proxy.port).url(name), DATABASE_POOL_SIZE: '1' }
  service = await startHere({ SESSION_TOKENS: 'true', USERS_TABLE: '"user"', ...own, ...settings })
}

await issuer.migrate()
await serve()
beforeEach(async () => {
  visitor = await signUp(issuer.url, 'anna')
  cookieValue = visitor.cookies.get(cookieName) ?? ''
  bareToken = cookieValue.split('.')[0] ?? ''
})
afterEach(() => void vi.useRealTimers())
afterAll(async () => {
  await closeHere()
  await issuer.stop()
  await proxy.close()
})

/** The round trips to the database while `work` runs. */
async function roundTrips(work: () => Promise<unknown>): Promise<number> {
  const before = proxy.exchanges
  await work()
  return proxy.exchanges - before
}

/** The answer to a list with these headers: 200, or a status with its code and why. */
async function list(headers: Record<string, string>): Promise<string> {
  const { status, body } = await service.send('GET', '/api/tasks', headers)
  return status === 200 ? '200' : `${status} ${body.code}: ${body.detail}`
}
const withBearer = (token: string) => list({ authorization: `Bearer ${token}` })
const withCookie = (cookie: string, more = {}) =>
  list({ cookie, origin: 'http://localhost:3000', ...more })

/** Signs as Better Auth does, so that a test can hold what Better Auth never gave out. */
const signed = (token: string, secret = testSecret) =>
  `${token}.${createHmac('sha256', secret).update(token).digest('base64')}`

/** Stores another session of the visitor. */
const storeSession = (token: string) =>
  issuer.pool.query(
    `insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
      values ($1, $1, $2, now() + interval '1 hour', now(), now())`,
    [token, visitor.id],
  )

describe('a session token', () => {
  test('counts as Bearer, as it is and URL-encoded, and is named without its signature', async () => {
    for (const token of [cookieValue, decodeURIComponent(cookieValue), visitor.sessionToken]) {
      expect(await withBearer(token)).toBe('200')
    }
    expect(await withBearer(bareToken)).toMatch(/^401 .*without its signature/)
  })

  test('is refused with the signature of another secret, before the database is asked', async () => {
    const own = signed(bareToken)
    const respelt = own.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`)
    const forged = [signed(bareToken, anotherSecret), `${bareToken}.${'A'.repeat(43)}=`]
    const used = await roundTrips(async () => {
      for (const token of [...forged, respelt, own.slice(0, -1)]) {
        expect(await withBearer(token)).toMatch(/^401 token_invalid/)
        expect(await withCookie(`${cookieName}=${token}`)).toMatch(/^401 token_invalid/)
      }
    })
    expect(used).toBe(0)
  })

  test('is refused once its session has expired', async () => {
    const change = `update session set "expiresAt" = now() - interval '1 second' where "userId" = $1`
    await issuer.pool.query(change, [visitor.id])
    expect(await withBearer(visitor.sessionToken)).toMatch(/^401 token_expired/)
  })
})

describe('the session cookie', () => {
  const withValues = (...values: string[]) =>
    withCookie(values.map((value) => `${cookieName}=${value}`).join('; theme=dark; '))

  test('of several the good one counts, wherever it stands, and four at most are read', async () => {
    const past = await signUp(issuer.url, 'anna')
    await past.signOut()
    const [ended, unknown] = [past.sessionToken, signed('a'.repeat(32))]
    for (const bad of [ended, unknown, 'forged', '']) {
      expect(await withValues(bad, cookieValue), bad).toBe('200')
      expect(await withValues(cookieValue, bad), bad).toBe('200')
      expect(await withValues(bad, unknown), bad).toMatch(/^401/)
    }
    expect(await withValues(cookieValue, cookieValue)).toBe('200')
    expect(await withValues(cookieValue, unknown, ended, 'forged')).toBe('200')
    expect(await withValues(cookieValue, unknown, ended, '1', '2')).toMatch(/^401/)
    await storeSession('c'.repeat(32))
    expect(await withValues(cookieValue, signed('c'.repeat(32)))).toBe('200')
  })

  test('is refused where those of two users are good, for one may have been planted', async () => {
    const other = (await signUp(issuer.url, 'mallory')).sessionToken
    for (const both of [
      [cookieValue, other],
      [other, cookieValue],
    ]) {
      expect(await withValues(...both)).toMatch(/^401 token_invalid: .*of two users/)
    }
  })

  test('is the __Secure- one where both are there, also where that one is refused', async () => {
    const own = `${cookieName}=${cookieValue}`
    expect(await withCookie(`${cookieName}=forged; __Secure-${own}`)).toBe('200')
    const planted = `__Secure-${cookieName}=${signed('a'.repeat(32))}`
    expect(await withCookie(`${planted}; ${own}`)).toMatch(/^401/)
  })

  test.each([
    ...['Basic YTpi', 'Digest username="bearer"'].map((header) => [header, '200']),
    ...['Bearer forged', 'Bearer', 'Basic YTpi, Bearer forged'].map((header) => [header, '401']),
  ])('beside the header "%s" it is answered %s', async (authorization, status) => {
    expect(await withCookie(visitor.cookieHeader(), { authorization })).toMatch(status)
  })

  test('gives way to a token in the header', async () => {
    const other = await signUp(issuer.url, 'bert')
    const authorization = `Bearer ${await tokenFor(other.id)}`
    const headers = { cookie: visitor.cookieHeader(), authorization }
    expect((await service.send('GET', `/api/${other.id}/tasks`, headers)).status).toBe(200)
  })
})

describe('what is remembered', () => {
  beforeEach(() => serve({ SESSIONS_TABLE: 'session' }))

  test('a session costs no further round trip, and a sign-out is noticed after 10 seconds', async () => {
    const askFiveTimes = () =>
      Promise.all(Array.from({ length: 5 }, () => withBearer(visitor.sessionToken)))
    expect(await roundTrips(askFiveTimes)).toBeLessThanOrEqual(6)
    expect(await roundTrips(() => withBearer(visitor.sessionToken))).toBe(1)
    await visitor.signOut()
    const foundAt = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: foundAt + 5000 })
    expect(await withBearer(visitor.sessionToken)).toBe('200')
    vi.setSystemTime(foundAt + 10_000)
    expect(await withBearer(visitor.sessionToken)).toMatch(/^401/)
  })

  test('is looked up again where the clock is set back: nobody knows for how long it was', async () => {
    expect(await withBearer(visitor.sessionToken)).toBe('200')
    await visitor.signOut()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 60_000 })
    expect(await withBearer(visitor.sessionToken)).toMatch(/^401/)
  })

  test('is no look-up that failed, and no session that was not found', async () => {
    await issuer.pool.query('alter table session rename to sessions_elsewhere')
    const failed = await withBearer(visitor.sessionToken)
    await issuer.pool.query('alter table sessions_elsewhere rename to session')
    expect(failed).toMatch(/^503 not_ready/)
    expect(await withBearer(visitor.sessionToken)).toBe('200')

    const later = signed('b'.repeat(32))
    expect(await withBearer(later)).toMatch(/^401 token_invalid/)
    await storeSession('b'.repeat(32))
    expect(await withBearer(later)).toBe('200')
  })
})

describe('other settings', () => {
  test('off, the 401 says what was sent', async () => {
    await serve({ SESSION_TOKENS: 'false' })
    const used = await roundTrips(async () => {
      const asBearer = await withBearer(visitor.sessionToken)
      expect(asBearer).toMatch(/^401 token_invalid: .*session token, not a JWT/)
      const asCookie = await withCookie(visitor.cookieHeader())
      expect(asCookie).toMatch(/^401 credentials_missing: .*session cookie/)
    })
    expect(used).toBe(0)
  })

  test('each cookie that the API document names counts, and none is named where none does', async () => {
    const schemes = async (): Promise<Record<string, { name?: string }>> => {
      const { security, components } = (await service.send('GET', '/openapi.json')).body
      expect(security.flatMap(Object.keys)).toEqual(Object.keys(components.securitySchemes))
      return components.securitySchemes
    }
    await serve({ SESSION_COOKIE: 'login' })
    const { bearer: header, ...cookies } = await schemes()
    expect(header).toMatchObject({ type: 'http', scheme: 'bearer' })
    expect(Object.keys(cookies)).toHaveLength(2)
    for (const { name } of Object.values(cookies)) {
      expect(await withCookie(`${name}=${cookieValue}`), name).toBe('200')
    }
    expect(await withCookie(visitor.cookieHeader())).toMatch(/^401/)
    await serve({ SESSION_TOKENS: 'false' })
    expect(Object.keys(await schemes())).toEqual(['bearer'])
  })

  test('unsigned, a bare token counts as Bearer, and the cookie still needs its signature', async () => {
    await serve({ SESSION_TOKENS: 'unsigned' })
    for (const token of [bareToken, visitor.sessionToken, await tokenFor(visitor.id)]) {
      expect(await withBearer(token)).toBe('200')
    }
    expect(await withCookie(visitor.cookieHeader())).toBe('200')
    for (const value of [bareToken, `${bareToken}.`, encodeURIComponent(`${bareToken}.x`)]) {
      expect(await withCookie(`${cookieName}=${value}`), value).toMatch(/^401 token_invalid/)
    }
    const made = ['a'.repeat(32), bareToken.slice(1), `${bareToken}a`, `${bareToken}.`]
    for (const token of [signed(bareToken, anotherSecret), ...made]) {
      expect(await withBearer(token), token).toMatch(/^401 token_invalid/)
    }
  })

  test('an expiry in a column without a time zone is read as UTC', async () => {
    await issuer.pool.query(`create table plain_sessions as
      select token, "userId" as user_id, "expiresAt" at time zone 'UTC' as expires_at from session`)
    await serve({ SESSIONS_TABLE: 'plain_sessions', TZ: 'Pacific/Auckland' })
    await issuer.pool.query("alter role postgres set timezone = 'Pacific/Auckland'")
    const expireIn = (time: string) =>
      issuer.pool.query(`update plain_sessions
        set expires_at = now() at time zone 'UTC' + interval '${time}' where token = '${bareToken}'`)
    await expireIn('5 minutes')
    expect(await withBearer(visitor.sessionToken)).toBe('200')
    await expireIn('-5 minutes')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_000 })
    expect(await withBearer(visitor.sessionToken)).toMatch(/^401 token_expired/)
    await issuer.pool.query('alter role postgres reset timezone')
  })

  const expiries = ['infinity', '-infinity', 'soon', '', '294276-12-31 23:59:59', '2026-13-45']
  test.each(expiries)('an expiry of "%s" lets nobody in', async (expiry) => {
    const type = /^-?infinity$|^294276/.test(expiry) ? 'timestamptz' : 'text'
    await issuer.pool.query(`drop table if exists odd_sessions; create table odd_sessions as
        select token, "userId", '${expiry}'::${type} as "expiresAt" from session`)
    await serve({ SESSIONS_TABLE: 'odd_sessions' })
    expect(await withBearer(visitor.sessionToken)).toMatch(/^401/)
  })
})
