import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { inspect } from 'node:util'
import { anonymous } from 'better-auth/plugins'
import { Pool } from 'pg'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { newDatabase, server } from '#tests/support/databases'
import { diagnose } from '#tests/support/doctor'
import { newOwnedDatabase } from '#tests/support/earlier-migrations'
import { guideBlock } from '#tests/support/guide'
import {
  closeHere,
  type Environment,
  migrateHere,
  type ServiceHere,
  startHere,
} from '#tests/support/in-process'
import { type IssuerOptions, startIssuer } from '#tests/support/issuer'
import { createLogin, runSql } from '#tests/support/postgres'
import { listen } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'
import { signInAsGuest, signUp } from '#tests/support/visitor'

const origin = 'http://localhost:3000'
const withSessions = { SESSION_TOKENS: 'true' }

/** A frontend's Better Auth with the tables of both and a user, and the settings of a service beside it. */
async function configured(options: Omit<IssuerOptions, 'databaseUrl'> = {}) {
  const databaseUrl = (await newDatabase()).url
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
  return { issuer, settings, anna: await signUp(issuer.url, 'anna') }
}

afterAll(closeHere)

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const list = ({ send }: ServiceHere, headers: Record<string, string>) =>
  send('GET', '/api/tasks', headers)
const create = ({ send }: ServiceHere, token: string, title: string) =>
  send('POST', '/api/tasks', bearer(token), { title })

/** The first check of the doctor that fails. */
async function faultIn(settings: Environment, token: string) {
  const { failures } = await diagnose(settings, { token })
  const { name, found = '', remedy = '' } = failures[0] ?? {}
  return { name, found, remedy }
}

/** With these settings the doctor finds no fault, and the service answers. */
async function expectServed(settings: Environment, token: string) {
  expect((await diagnose(settings, { token })).failures).toEqual([])
  expect((await list(await startHere(settings), bearer(token))).status).toBe(200)
}

describe('a user whose picture is a data URL', () => {
  type Configured = Awaited<ReturnType<typeof configured>>
  async function withPicture(length: number, { anna, issuer }: Configured) {
    const picture = [`data:image/png;base64,${'A'.repeat(length)}`, anna.id]
    await issuer.pool.query('update "user" set image = $1 where id = $2', picture)
    return await anna.token()
  }

  test('is served with a token up to 14 KB; the 401 of a longer one and the doctor explain it', async () => {
    const set = await configured()
    const [taken, refused] = [await withPicture(9_900, set), await withPicture(10_600, set)]
    expect(taken.length).toBeGreaterThan(13_500)
    expect(refused.length).toBeLessThan(15_000)
    await expectServed(set.settings, taken)
    const { status, body } = await list(await startHere(set.settings), bearer(refused))
    expect(status).toBe(401)
    expect(body.detail).toMatch(/longer than 14 KB.*picture.*definePayload/)
    const { name, found, remedy } = await faultIn(set.settings, refused)
    expect(name).toBe('token')
    expect(found).toContain('its longest claim is image')
    expect(remedy).toContain('definePayload')
  })

  test('has a short token with the jwt() of the example', async () => {
    const example = readFileSync('examples/frontend/lib/auth.ts', 'utf8')
    const [, code = ''] = /definePayload: (.*?) \} \}\)/.exec(example) ?? []
    const definePayload = new Function(`return ${code}`)()
    const set = await configured({ jwt: { jwt: { definePayload } } })
    const token = await withPicture(1e6, set)
    expect(token.length).toBeLessThan(700)
    const created = await create(await startHere(set.settings), token, 'Buy milk')
    expect(created.body).toMatchObject({ user_id: set.anna.id })
  })
})

function storageInMemory(): NonNullable<IssuerOptions['secondaryStorage']> {
  const stored = new Map<string, string>()
  return {
    get: (key) => stored.get(key) ?? null,
    set: (key, value) => void stored.set(key, value),
    delete: (key) => void stored.delete(key),
    getAndDelete: () => null,
    increment: () => 1,
  }
}

test('sessions in a secondary storage stop the start and are named by the doctor, until they are stored too', async () => {
  const { settings, anna } = await configured({ secondaryStorage: storageInMemory() })
  const fault = await faultIn({ ...settings, ...withSessions }, anna.sessionToken)
  expect(fault.name).toBe('sessions')
  expect(fault.remedy).toContain('storeSessionInDatabase: true')
  const start = startHere({ ...settings, ...withSessions })
  await expect(start).rejects.toThrow(/no table "session".*storeSessionInDatabase: true/)

  const session = { storeSessionInDatabase: true }
  const both = await configured({ secondaryStorage: storageInMemory(), session })
  await expectServed({ ...both.settings, ...withSessions }, both.anna.sessionToken)
})

test('a session whose row Better Auth preserves after sign-out is over', async () => {
  const session = { storeSessionInDatabase: true, preserveSessionInDatabase: true }
  const { anna, issuer, settings } = await configured({
    secondaryStorage: storageInMemory(),
    session,
  })
  const service = await startHere({ ...settings, ...withSessions })
  await anna.signOut()
  const { rows } = await issuer.pool.query('select "userId" from session')
  expect(rows).toEqual([{ userId: anna.id }])
  expect((await list(service, bearer(anna.sessionToken))).status).toBe(401)
})

test('renamed columns of sessions are served by the view that the doctor prints', async () => {
  const fields = { token: 'session_token', userId: 'owner', expiresAt: 'ends_at' }
  const { anna, settings } = await configured({ session: { fields } })
  const env = { ...settings, ...withSessions }
  const { name, found, remedy } = await faultIn(env, anna.sessionToken)
  expect(name).toBe('sessions')
  expect(found).toContain('token')
  const [, view = ''] = /(CREATE VIEW .*?;)/.exec(remedy) ?? []
  const columns = [fields.token, fields.userId, fields.expiresAt]
  const filled = columns.reduce((sql, column) => sql.replace(/<[^>]+>/, column), view)
  await runSql(settings.DATABASE_URL, filled)
  const [, SESSIONS_TABLE = ''] = /SESSIONS_TABLE=(\w+)/.exec(remedy) ?? []
  await expectServed({ ...env, SESSIONS_TABLE }, anna.sessionToken)
})

test('a session cookie that is secure and has another name counts by its whole name', async () => {
  const name = 'todo_login'
  const cookies = { session_token: { name } }
  const { anna, settings } = await configured({ advanced: { useSecureCookies: true, cookies } })
  expect(anna.cookieHeader()).toContain(`__Secure-${name}=`)
  const env = { ...settings, ...withSessions, CORS_ORIGINS: origin }
  const { remedy } = await faultIn(env, `Cookie: theme=x; ${anna.cookieHeader()}`)
  expect(remedy).toBe(`SESSION_COOKIE=${name}`)
  const service = await startHere({ ...env, SESSION_COOKIE: name })
  expect((await list(service, { cookie: anna.cookieHeader(), origin })).status).toBe(200)
  const document = await (await service.ask('/openapi.json')).text()
  expect(document).toContain(`"name":"__Secure-${name}"`)
})

describe('a key set in another place', () => {
  test('is found by JWKS_URL, whatever BETTER_AUTH_URL is', async () => {
    const path = '/keys/set.json'
    const { anna, settings } = await configured({ jwt: { jwks: { jwksPath: path } } })
    const token = await anna.token()
    const { name, remedy } = await faultIn(settings, token)
    expect(name).toBe('keys')
    expect(remedy).toContain('With jwks.jwksPath, name the whole URL in JWKS_URL')
    const elsewhere = { ...settings, BETTER_AUTH_URL: 'http://127.0.0.1:9' }
    const JWKS_URL = `${settings.BETTER_AUTH_URL}/api/auth${path}`
    await expectServed({ ...elsewhere, JWKS_URL }, token)
    const wrong = { ...elsewhere, JWKS_URL: `${settings.BETTER_AUTH_URL}/nowhere` }
    expect((await faultIn(wrong, token)).remedy).toContain('Set JWKS_URL to the key set')
  })

  test('behind a redirect, the log and the doctor name the target', async () => {
    const { anna, settings } = await configured()
    const apex = createServer(({ url }, response) => {
      response.writeHead(308, { location: `${settings.BETTER_AUTH_URL}${url}?secret=1` }).end()
    })
    onTestFinished(() => void apex.close())
    const target = `${settings.BETTER_AUTH_URL}/api/auth/jwks`
    const env = { ...settings, BETTER_AUTH_URL: `http://127.0.0.1:${await listen(apex)}` }
    const token = await anna.token()

    const service = await startHere(env)
    expect((await list(service, bearer(token))).status).toBe(503)
    const logged = inspect(service.logged, { depth: 9 })
    const { found, remedy } = await faultIn(env, token)
    for (const told of [logged, found]) expect(told).toContain(`redirects to ${target}.`)
    expect(remedy).toBe(`JWKS_URL=${target}, if the key set is there`)
    expect(logged + found).not.toContain('secret=1')
    await expectServed({ ...env, JWKS_URL: target }, token)
  })
})

describe('a secret with quotes or white space at its ends', () => {
  test.each([`"${testSecret}"`, `${testSecret}\n`])(
    '%j: the start warns, and the doctor tries the spelling without them',
    async (BETTER_AUTH_SECRET) => {
      const { anna, settings } = await configured()
      const env = { ...settings, ...withSessions, BETTER_AUTH_SECRET }
      const token = await anna.token('/api/token')
      const service = await startHere(env)
      expect((await list(service, bearer(token))).status).toBe(401)
      const logged = JSON.stringify(service.logged)
      expect(logged).toContain('secret_not_trimmed')
      expect(logged).not.toContain(testSecret)
      for (const sent of [token, anna.sessionToken]) {
        const { checks, failures } = await diagnose(env, { token: sent })
        expect(failures[0]?.found).toContain('without the quotes or white space at its ends')
        expect(failures[0]?.remedy).toMatch(/^BETTER_AUTH_SECRET=<the same without them>/)
        expect(checks[0]?.found).toContain('quotes or white space at its ends')
        expect(JSON.stringify(checks)).not.toContain(testSecret)
      }
    },
  )

  test('is no fault where the frontend has the same, and one without is not warned about', async () => {
    const secret = `"${testSecret}"`
    const { anna, settings } = await configured({ secret })
    await expectServed({ ...settings, BETTER_AUTH_SECRET: secret }, await anna.token('/api/token'))
    expect((await startHere(settings)).logged).toEqual([])
  })
})

describe('a guest with tasks who signs up', () => {
  /**
   * Better Auth with `anonymous()` as the guide has it, and the service, on a database whose owner
   * is held to row-level security; and a guest who has stored two tasks.
   *
   * @param hasLogin whether Better Auth has a login of its own, and which grants that has
   */
  async function guestWithTasks(hasLogin: 'granted' | 'plain' | false) {
    const login = await createLogin(server)
    const { name, url } = await newOwnedDatabase()
    const databaseUrl = hasLogin === false ? url : server.url(name, login)
    const pool = new Pool({ connectionString: databaseUrl })
    const code = guideBlock('onLinkAccount')
    const plugin = new Function('anonymous', 'pool', `return ${code}`)(anonymous, pool)
    const owners = await startIssuer({ databaseUrl: url, plugins: [plugin] })
    await owners.migrate()
    await owners.stop()
    await runSql(url, `grant all on all tables in schema public to ${login}`)
    const service = await startHere({ DATABASE_URL: url, USERS_TABLE: 'user', ...withSessions })
    if (hasLogin === 'granted') {
      const guide = readFileSync('docs/frontend.md', 'utf8')
      const [, grant = ''] = /`(GRANT EXECUTE [^`]*todo_move_tasks[^`]*)`/.exec(guide) ?? []
      await runSql(url, grant.replace('<its login>', login))
    }
    const issuer = await startIssuer({ databaseUrl, plugins: [plugin] })
    onTestFinished(async () => {
      await issuer.stop()
      await pool.end()
    })
    const guest = await signInAsGuest(issuer.url)
    for (const title of ['Buy milk', 'Buy tea']) {
      expect((await create(service, guest.sessionToken, title)).status).toBe(201)
    }
    return { issuer, guest, service, databaseUrl: server.url(name) }
  }

  test.each([false, 'granted'] as const)(
    'keeps them with the lines of the guide, with a login of Better Auth’s own: %s',
    async (hasLogin) => {
      const { issuer, guest, service } = await guestWithTasks(hasLogin)
      const anna = await signUp(issuer.url, 'anna', guest)
      const { body } = await list(service, bearer(anna.sessionToken))
      expect(body).toMatchObject([{ title: 'Buy tea' }, { title: 'Buy milk' }])
      // The guest is gone, and so is its session, which is remembered for 10 seconds.
      expect((await create(service, guest.sessionToken, 'Late')).status).toBe(401)
    },
  )

  test('keeps them and the guest where Better Auth’s login lacks the grant: sign-up fails', async () => {
    const { issuer, guest, databaseUrl } = await guestWithTasks('plain')
    await expect(signUp(issuer.url, 'anna', guest)).rejects.toThrow(/expected 500/)
    expect(await runSql(databaseUrl, 'select from tasks')).toHaveLength(2)
  })
})
