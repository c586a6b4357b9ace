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

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = (value: string, from = origin) => ({ cookie: value, origin: from })
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
    const used = await roundTrips(async () => {
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
    expect(await roundTrips(() => list(bearer(token)))).toBe(1)
    expect(await roundTrips(() => list(bearer(visitor.sessionToken)))).toBe(2)
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

  test('of several the good one counts, wherever it stands', async () => {
    const own = visitor.cookieHeader()
    const name = 'better-auth.session_token'
    const past = await signUp(issuer.url, 'anna')
    await past.signOut()
    const ended = `${name}=${past.sessionToken}`
    const never = `${name}=${await signed('a'.repeat(32))}`
    for (const bad of [ended, never, `${name}=forged`, `${name}=`]) {
      expect((await list(cookie(`${bad}; ${own}`))).status, bad).toBe(200)
      expect((await list(cookie(`${own}; ${bad}`))).status, bad).toBe(200)
      expect((await list(cookie(`${bad}; ${never}`))).status, bad).toBe(401)
    }
    expect((await list(cookie(`${own}; ${never}; ${ended}; ${name}=forged`))).status).toBe(200)
    expect((await list(cookie(`${own}; ${never}; ${ended}; ${name}=1; ${name}=2`))).status).toBe(
      401,
    )
  })

  test('is refused where those of two users are good, for one may have been planted', async () => {
    const own = visitor.cookieHeader()
    const other = (await signUp(issuer.url, 'mallory')).cookieHeader()
    for (const both of [`${own}; ${other}`, `${other}; ${own}`]) {
      const answer = await list(cookie(both))
      expect(answer).toMatchObject({ status: 401, code: 'token_invalid' })
      expect(answer.detail).toContain('of two users')
    }
    await issuer.pool.query('delete from session where "userId" <> $1', [visitor.id])
  })

  test('of several that are good the user is the same one', async () => {
    const own = visitor.cookieHeader()
    await issuer.pool.query(
      `insert into session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
        values ('again', $1, $2, now() + interval '1 hour', now(), now())`,
      ['c'.repeat(32), visitor.id],
    )
    const again = `better-auth.session_token=${await signed('c'.repeat(32))}`
    expect((await list(cookie(`${own}; ${again}`))).status).toBe(200)
  })

  test('without __Secure- never makes up for a __Secure- one that is refused', async () => {
    const planted = `__Secure-better-auth.session_token=${await signed('a'.repeat(32))}`
    expect((await list(cookie(`${planted}; ${visitor.cookieHeader()}`))).status).toBe(401)
  })

  test('is one where a browser sends it twice with one value', async () => {
    const own = visitor.cookieHeader()
    expect((await list(cookie(`${own}; theme=dark; ${own}`))).status).toBe(200)
    const secure = own.replace('better-auth.session_token', '__Secure-better-auth.session_token')
    expect((await list(cookie(`${secure}; ${secure}; ${own}`))).status).toBe(200)
  })

  test('counts beside HTTP Basic, and never stands in for a Bearer header that is refused', async () => {
    const withHeader = (authorization: string, from = origin) =>
      list({ ...cookie(visitor.cookieHeader(), from), authorization })
    for (const header of [
      'Basic YTpi',
      'basic YTpi',
      'Digest username="bearer"',
      'Negotiate YII',
    ]) {
      expect((await withHeader(header)).status, header).toBe(200)
    }
    for (const header of ['Bearer forged', 'Bearer', 'bearer YTpi', 'Basic YTpi, Bearer forged']) {
      expect((await withHeader(header)).status, header).toBe(401)
    }
    expect((await withHeader('Basic YTpi', 'http://evil.example')).status).toBe(401)
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
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
    onTestFinished(() => void vi.useRealTimers())
    const foundAt = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: foundAt + 5000 })
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
    vi.setSystemTime(foundAt + 10_000)
    expect((await list(bearer(visitor.sessionToken))).status).toBe(401)
  })

  test('where the clock is set back, a session is looked up again: nobody knows how long it was remembered', async () => {
    await serve()
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
    await visitor.signOut()
    onTestFinished(() => void vi.useRealTimers())
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 60_000 })
    expect((await list(bearer(visitor.sessionToken))).status).toBe(401)
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

  test('the name of the cookie is configurable', async () => {
    await serve({ SESSION_COOKIE: 'login' })
    const own = visitor.cookieHeader().replace('better-auth.session_token', 'login')
    expect((await list(cookie(own))).status).toBe(200)
    expect((await list(cookie(visitor.cookieHeader()))).status).toBe(401)
  })

  test('each cookie that the API document names counts, and none is named where none does', async () => {
    await serve({ SESSION_COOKIE: 'login' })
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

  test('unsigned, a bare token counts as Bearer, and the cookie still needs its signature', async () => {
    const settings = { SESSION_TOKENS: 'unsigned', SESSION_COOKIE: 'better-auth.session_token' }
    await serve(settings)
    const [token = ''] = fromCookie('better-auth.session_token').split('.')
    expect((await list(bearer(token))).status).toBe(200)
    expect((await list(bearer(visitor.sessionToken))).status).toBe(200)
    expect((await list(cookie(visitor.cookieHeader()))).status).toBe(200)
    expect((await list(bearer(await tokenFor(visitor.id)))).status).toBe(200)
    for (const bare of [token, `${token}.`, encodeURIComponent(`${token}.x`)]) {
      const answer = await list(cookie(`better-auth.session_token=${bare}`))
      expect(answer, bare).toMatchObject({ status: 401, code: 'token_invalid' })
    }
    const forged = await signed(token, 'another-secret-that-is-long-enough-too')
    expect((await list(bearer(forged))).status).toBe(401)
    for (const made of ['a'.repeat(32), token.slice(1), `${token}a`, `${token}.`]) {
      expect(await list(bearer(made))).toMatchObject({ status: 401, code: 'token_invalid' })
    }
    await visitor.signOut()
    await serve(settings)
    expect((await list(bearer(token))).status).toBe(401)
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
    expect(failed).toMatchObject({ status: 503, code: 'not_ready' })
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
