import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { anonymous } from 'better-auth/plugins'
import { Pool } from 'pg'
import { afterAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { diagnose } from '#tests/support/doctor'
import { createOwnedDatabase } from '#tests/support/earlier-migrations'
import { guideBlock } from '#tests/support/guide'
import { closeHere, migrateHere, type ServiceHere, startHere } from '#tests/support/in-process'
import { type IssuerOptions, startIssuer } from '#tests/support/issuer'
import { createDatabase, createLogin, postgresAt, runSql } from '#tests/support/postgres'
import { testSecret } from '#tests/support/tokens'
import { signUp } from '#tests/support/visitor'

const server = postgresAt(inject('postgresPort'))
const origin = 'http://localhost:3000'

/** A frontend's Better Auth with the tables of both and a user, and the settings of a service beside it. */
async function configured(options: Omit<IssuerOptions, 'databaseUrl'> = {}) {
  const databaseUrl = server.url(await createDatabase(server))
  const issuer = await startIssuer({ databaseUrl, ...options })
  onTestFinished(issuer.stop)
  await issuer.migrate()
  const settings = {
    DATABASE_URL: databaseUrl,
    BETTER_AUTH_URL: issuer.url,
    BETTER_AUTH_SECRET: testSecret,
    USERS_TABLE: 'user',
  }
  await migrateHere(settings)
  return { issuer, databaseUrl, settings, anna: await signUp(issuer.url, 'anna') }
}

afterAll(closeHere)

async function list({ ask }: ServiceHere, headers: Record<string, string>) {
  const response = await ask('/api/tasks', { headers })
  const body: { code?: string; detail?: string } = await response.json()
  return { status: response.status, code: body.code, detail: body.detail }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = (value: string) => ({ cookie: value, origin })
const create = ({ ask }: ServiceHere, headers: Record<string, string>, title: string) =>
  ask('/api/tasks', {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ title }),
  })

describe('a user whose picture is a data URL', () => {
  const image = (length: number) => `data:image/png;base64,${'A'.repeat(length)}`

  test('is served with a token up to 14 KB; the 401 of a longer one and the doctor explain it', async () => {
    const { anna, issuer, settings } = await configured()
    const tokenWith = async (length: number) => {
      const picture = [image(length), anna.id]
      await issuer.pool.query('update "user" set image = $1 where id = $2', picture)
      return await anna.token()
    }
    const [taken, refused] = [await tokenWith(9_900), await tokenWith(10_600)]
    expect(taken.length).toBeGreaterThan(13_500)
    expect(refused.length).toBeLessThan(15_000)
    const service = await startHere(settings)
    expect((await list(service, bearer(taken))).status).toBe(200)
    expect(await list(service, bearer(refused))).toMatchObject({
      status: 401,
      detail: expect.stringMatching(/longer than 14 KB.*picture.*definePayload/),
    })
    const { failures } = await diagnose(settings, { token: refused })
    expect(failures[0]).toMatchObject({
      name: 'token',
      found: expect.stringContaining('its longest claim is image'),
      remedy: expect.stringContaining('definePayload'),
    })
  })

  test('has a short token with the jwt() of the example', async () => {
    const example = readFileSync('examples/frontend/lib/auth.ts', 'utf8')
    const [, code = ''] = /definePayload: (.*?) \} \}\)/.exec(example) ?? []
    const { anna, issuer, settings } = await configured({
      jwt: { definePayload: new Function(`return ${code}`)() },
    })
    await issuer.pool.query('update "user" set image = $1 where id = $2', [image(1e6), anna.id])
    const token = await anna.token()
    expect(token.length).toBeLessThan(700)
    const created = await create(await startHere(settings), bearer(token), 'Buy milk')
    expect(created.status).toBe(201)
    expect(await created.json()).toMatchObject({ user_id: anna.id })
  })
})

describe('sessions in a secondary storage', () => {
  const stored = new Map<string, string>()
  const secondaryStorage = {
    get: (key: string) => stored.get(key) ?? null,
    set: (key: string, value: string) => void stored.set(key, value),
    delete: (key: string) => void stored.delete(key),
    getAndDelete: () => null,
    increment: () => 1,
  }

  test('are named by the doctor, and with storeSessionInDatabase they count', async () => {
    const without = await configured({ secondaryStorage })
    const sessions = { SESSION_TOKENS: 'true' }
    const env = { ...without.settings, ...sessions }
    const { failures } = await diagnose(env, { token: without.anna.sessionToken })
    expect(failures[0]).toMatchObject({
      name: 'sessions',
      remedy: expect.stringContaining('storeSessionInDatabase: true'),
    })

    const both = await configured({ secondaryStorage, session: { storeSessionInDatabase: true } })
    const service = await startHere({ ...both.settings, ...sessions })
    expect((await list(service, bearer(both.anna.sessionToken))).status).toBe(200)
  })
})

test('renamed columns of sessions are served by the view that the start and the doctor print', async () => {
  const fields = { token: 'session_token', userId: 'owner', expiresAt: 'ends_at' }
  const { anna, settings, databaseUrl } = await configured({ session: { fields } })
  const env = { ...settings, SESSION_TOKENS: 'true' }
  const { failures } = await diagnose(env, { token: anna.sessionToken })
  expect(failures[0]).toMatchObject({ name: 'sessions', found: expect.stringContaining('token') })
  const remedy = failures[0]?.remedy ?? ''
  const [, view = ''] = /(CREATE VIEW .*?;)/.exec(remedy) ?? []
  const columns = [fields.token, fields.userId, fields.expiresAt]
  await runSql(
    databaseUrl,
    columns.reduce((sql, name) => sql.replace(/<[^>]+>/, name), view),
  )
  const [, SESSIONS_TABLE = ''] = /SESSIONS_TABLE=(\w+)/.exec(remedy) ?? []
  const mended = { ...env, SESSIONS_TABLE }
  expect((await diagnose(mended, { token: anna.sessionToken })).failures).toEqual([])
  const service = await startHere(mended)
  expect((await list(service, bearer(anna.sessionToken))).status).toBe(200)
})

test('a session cookie that is secure and has another name counts by its whole name', async () => {
  const name = 'todo_login'
  const cookies = { session_token: { name } }
  const { anna, settings } = await configured({ advanced: { useSecureCookies: true, cookies } })
  expect(anna.cookieHeader()).toContain(`__Secure-${name}=`)
  const env = { ...settings, SESSION_TOKENS: 'true', CORS_ORIGINS: origin }
  const { failures } = await diagnose(env, { token: `Cookie: theme=x; ${anna.cookieHeader()}` })
  expect(failures[0]?.remedy).toBe(`SESSION_COOKIE=${name}`)
  const service = await startHere({ ...env, SESSION_COOKIE: name })
  expect((await list(service, cookie(anna.cookieHeader()))).status).toBe(200)
  const document = await (await service.ask('/openapi.json')).json()
  expect(JSON.stringify(document)).toContain(`"name":"__Secure-${name}"`)
})

describe('a key set in another place', () => {
  test('is found by JWKS_URL, whatever BETTER_AUTH_URL is', async () => {
    const path = '/keys/set.json'
    const { anna, settings } = await configured({ jwt: { path } })
    const token = await anna.token()
    const { failures } = await diagnose(settings, { token })
    expect(failures[0]).toMatchObject({
      name: 'keys',
      remedy: expect.stringContaining('With jwks.jwksPath, name the whole URL in JWKS_URL'),
    })
    const JWKS_URL = `${settings.BETTER_AUTH_URL}/api/auth${path}`
    const mended = { ...settings, BETTER_AUTH_URL: 'http://127.0.0.1:9', JWKS_URL }
    expect((await diagnose(mended, { token })).failures).toEqual([])
    const service = await startHere(mended)
    expect((await list(service, bearer(token))).status).toBe(200)
    const wrong = { ...mended, JWKS_URL: `${settings.BETTER_AUTH_URL}/nowhere` }
    const { failures: others } = await diagnose(wrong, { token })
    expect(others[0]).toMatchObject({ name: 'keys', remedy: expect.stringMatching(/JWKS_URL/) })
  })

  test('behind a redirect, the log and the doctor name the target', async () => {
    const { anna, settings } = await configured()
    const apex = createServer(({ url }, response) => {
      response.writeHead(308, { location: `${settings.BETTER_AUTH_URL}${url}?secret=1` }).end()
    }).listen(0, '127.0.0.1')
    await once(apex, 'listening')
    onTestFinished(() => void apex.close())
    const { port } = apex.address() as AddressInfo
    const target = `${settings.BETTER_AUTH_URL}/api/auth/jwks`
    const env = { ...settings, BETTER_AUTH_URL: `http://127.0.0.1:${port}` }
    const token = await anna.token()

    const service = await startHere(env)
    expect((await list(service, bearer(token))).status).toBe(503)
    const logged = inspect(service.logged, { depth: 9 })
    expect(logged).toContain(`redirects to ${target}.`)
    const { failures } = await diagnose(env, { token })
    expect(failures[0]).toMatchObject({
      name: 'keys',
      found: expect.stringContaining(`redirects to ${target}.`),
      remedy: `JWKS_URL=${target}, if the key set is there`,
    })
    expect(logged + JSON.stringify(failures)).not.toContain('secret=1')
    const mended = await startHere({ ...env, JWKS_URL: target })
    expect((await list(mended, bearer(token))).status).toBe(200)
  })
})

describe('a secret with quotes or white space at its ends', () => {
  test.each([`"${testSecret}"`, `${testSecret}\n`])(
    '%j: the start warns, and the doctor tries the spelling without them',
    async (BETTER_AUTH_SECRET) => {
      const { anna, settings } = await configured()
      const env = { ...settings, BETTER_AUTH_SECRET, SESSION_TOKENS: 'true' }
      const service = await startHere(env)
      const token = await anna.token('/api/token')
      expect((await list(service, bearer(token))).status).toBe(401)
      const logged = JSON.stringify(service.logged)
      expect(logged).toContain('secret_not_trimmed')
      for (const sent of [token, anna.sessionToken]) {
        const { failures, checks } = await diagnose(env, { token: sent })
        expect(failures[0]).toMatchObject({
          name: 'signature',
          found: expect.stringContaining('without the quotes or white space at its ends'),
          remedy: expect.stringMatching(/^BETTER_AUTH_SECRET=<the same without them>/),
        })
        expect(checks[0]?.found).toContain('quotes or white space at its ends')
        expect(JSON.stringify(checks) + logged).not.toContain(testSecret)
      }
    },
  )

  test('is no fault where the frontend has the same, and one without is not warned about', async () => {
    const secret = `"${testSecret}"`
    const { anna, settings } = await configured({ secret })
    const service = await startHere({ ...settings, BETTER_AUTH_SECRET: secret })
    expect((await list(service, bearer(await anna.token('/api/token')))).status).toBe(200)
    const plain = await startHere({ ...settings, SESSION_TOKENS: 'false' })
    expect(plain.logged).toEqual([])
  })
})

describe('a guest with tasks who signs up', () => {
  /**
   * Better Auth with `anonymous()` as the guide has it, and the service, on a database whose owner
   * is held to row-level security.
   *
   * @param hasLogin whether Better Auth has a login of its own, and which grants that has
   */
  async function linked(hasLogin: 'granted' | 'plain' | false) {
    const login = await createLogin(server)
    const database = await createOwnedDatabase(server)
    const databaseUrl = hasLogin === false ? database.url : server.url(database.name, login)
    const pool = new Pool({ connectionString: databaseUrl })
    const code = guideBlock('onLinkAccount')
    const plugin = new Function('anonymous', 'pool', `return ${code}`)(anonymous, pool)
    const owners = await startIssuer({ databaseUrl: database.url, plugins: [plugin] })
    await owners.migrate()
    await owners.stop()
    await runSql(database.url, `grant all on all tables in schema public to ${login}`)
    const settings = { DATABASE_URL: database.url, USERS_TABLE: 'user', SESSION_TOKENS: 'true' }
    const service = await startHere(settings)
    if (hasLogin === 'granted') {
      const guide = readFileSync('docs/frontend.md', 'utf8')
      const [, grant = ''] = /`(GRANT EXECUTE [^`]*todo_move_tasks[^`]*)`/.exec(guide) ?? []
      await runSql(database.url, grant.replace('<its login>', login))
    }
    const issuer = await startIssuer({ databaseUrl, plugins: [plugin] })
    onTestFinished(async () => {
      await issuer.stop()
      await pool.end()
    })

    const guest = await signInAs(issuer.url, 'anonymous', {})
    expect((await create(service, bearer(guest.token), 'Buy milk')).status).toBe(201)
    expect((await create(service, bearer(guest.token), 'Buy tea')).status).toBe(201)
    const account = { name: 'anna', email: 'anna@example.com', password: 'correct horse battery' }
    const anna = await signInAs(issuer.url, 'email', account, guest.cookie)
    const titles = async (token: string) => {
      const response = await service.ask('/api/tasks', { headers: bearer(token) })
      const tasks = await response.json()
      return Array.isArray(tasks) ? tasks.map(({ title }) => title).sort() : response.status
    }
    const rows = await runSql(server.url(database.name), 'select title from tasks')
    return { guest, anna, titles, rows, service }
  }

  async function signInAs(url: string, way: string, body: object, cookie = '') {
    const path = way === 'anonymous' ? 'sign-in/anonymous' : `sign-up/${way}`
    const response = await fetch(`${url}/api/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url, cookie },
      body: JSON.stringify(body),
    })
    const cookies = response.headers.getSetCookie().map((each) => each.split(';')[0])
    return {
      status: response.status,
      cookie: cookies.join('; '),
      token: response.headers.get('set-auth-token') ?? '',
    }
  }

  test.each([false, 'granted'] as const)(
    'keeps them with the lines of the guide, with a login of Better Auth’s own: %s',
    async (hasLogin) => {
      const { guest, anna, titles, service } = await linked(hasLogin)
      expect(anna.status).toBe(200)
      expect(await titles(anna.token)).toEqual(['Buy milk', 'Buy tea'])
      // The guest is gone, and so is its session, which is remembered for 10 seconds.
      expect((await create(service, bearer(guest.token), 'Late')).status).toBe(401)
    },
  )

  test('keeps them and the guest where Better Auth’s login lacks the grant: sign-up fails', async () => {
    const { anna, rows } = await linked('plain')
    expect(anna.status).toBe(500)
    expect(rows).toHaveLength(2)
  })
})
