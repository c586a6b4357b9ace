import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createSilentServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { diagnose, follow } from '#tests/support/doctor'
import { closeHere, type Environment, migrateHere, startHere } from '#tests/support/in-process'
import { startIssuer } from '#tests/support/issuer'
import { createDatabase, createLogin, password, postgresAt, runSql } from '#tests/support/postgres'
import { runScript } from '#tests/support/script'
import { freePort, startService } from '#tests/support/service'
import { testSecret, tokenFor } from '#tests/support/tokens'
import { signUp, type Visitor } from '#tests/support/visitor'

const server = postgresAt(inject('postgresPort'))

const databaseUrl = server.url(await createDatabase(server))
const issuer = await startIssuer({ databaseUrl })
const otherUrl = server.url(await createDatabase(server))
const other = await startIssuer({ databaseUrl: otherUrl })
/** Where nothing listens. */
const noPort = await freePort()

/** The set-up that works; each test breaks one thing of it. */
const right = {
  DATABASE_URL: databaseUrl,
  BETTER_AUTH_SECRET: testSecret,
  BETTER_AUTH_URL: issuer.url,
  CORS_ORIGINS: issuer.url,
  USERS_TABLE: 'user',
  PORT: String(noPort),
}
const withSessions = { SESSION_TOKENS: 'true' }
const anotherSecret = 'another-secret-that-is-long-enough-too'

let visitor: Visitor
const outputs: string[] = []

beforeAll(async () => {
  await issuer.migrate()
  await other.migrate()
  await migrateHere(right)
  await migrateHere({ ...right, DATABASE_URL: otherUrl })
  visitor = await signUp(issuer.url, 'anna')
})
afterAll(async () => {
  await closeHere()
  await issuer.stop()
  await other.stop()
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'todo-doctor-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** What the doctor finds with these settings, for whatever the frontend sends. */
async function examine(env: Environment, token?: string) {
  const result = await diagnose(env, { frontend: issuer.url, token })
  outputs.push(JSON.stringify(result.checks))
  return result
}

const portOf = (listening: Server) => (listening.address() as AddressInfo).port
const named = (checks: readonly { name: string }[]) => checks.map(({ name }) => name)
const jwt = () => visitor.token()
const ownRoute = () => visitor.token('/api/token')
const bearer = async () => visitor.sessionToken
const bare = () => decodeURIComponent(visitor.sessionToken).split('.')[0] ?? ''
const ended = 'better-auth.session_token=ended'
const cookie = async () => visitor.cookieHeader()
const signed = (claims: Record<string, unknown>) => () => tokenFor(visitor.id, claims)

test.each([
  ['a JWT of the jwt plugin', jwt, {}],
  ['a JWT of a route of your own', ownRoute, {}],
  ['a session token', bearer, withSessions],
  ['the header Authorization', async () => `Authorization: Bearer ${await jwt()}`, {}],
  ['a bare session token', async () => bare(), { SESSION_TOKENS: 'unsigned' }],
  ['a Cookie header', cookie, withSessions],
  ['two session cookies', async () => `${await cookie()}; ${ended}`, withSessions],
  ['the header Cookie', async () => `Cookie: theme=dark; ${visitor.cookieHeader()}`, withSessions],
])('where nothing is wrong it says so, for %s', async (_, credential, settings) => {
  const { failures, checks } = await examine({ ...right, ...settings }, await credential())
  expect(failures).toEqual([])
  const asked = ['environment', 'database', 'migrations', 'isolation', 'users', 'sessions', 'keys']
  expect(named(checks).slice(0, 9)).toEqual([...asked, 'origin', 'token'])
  expect(checks.at(-1)).toMatchObject({ name: 'verdict', found: 'accepted' })
  expect(checks.find(({ name }) => name === 'users')?.found).toContain('text')
})

interface BrokenSetUp {
  readonly broken?: Environment | (() => Promise<Environment>)
  /** What the frontend sends. */
  readonly sends?: () => Promise<string>
  /** The check that names the fault. */
  readonly check: string
  readonly remedy: string | RegExp
  /** What the frontend sends once it does what the remedy says. */
  readonly instead?: () => Promise<string>
}

/** The database of a frontend of its own, so that breaking it breaks nothing else. */
async function frontendDatabase(): Promise<string> {
  const url = server.url(await createDatabase(server))
  const own = await startIssuer({ databaseUrl: url })
  await own.migrate()
  await own.stop()
  return url
}

const setUps: Record<string, BrokenSetUp> = {
  'EdDSA tokens, and BETTER_AUTH_URL is not set': {
    broken: { BETTER_AUTH_URL: undefined },
    ...{ sends: jwt, check: 'keys', remedy: `BETTER_AUTH_URL=${issuer.url}` },
  },
  'EdDSA tokens, and BETTER_AUTH_URL is another frontend': {
    broken: { BETTER_AUTH_URL: other.url },
    ...{ sends: jwt, check: 'signature', remedy: `BETTER_AUTH_URL=${issuer.url}` },
  },
  'the key set cannot be reached': {
    broken: { BETTER_AUTH_URL: `http://localhost:${noPort}` },
    ...{ sends: jwt, check: 'keys', remedy: `BETTER_AUTH_URL=${issuer.url}` },
  },
  'the issuer has no key set there': {
    broken: { BETTER_AUTH_URL: `${issuer.url}/elsewhere` },
    ...{ sends: jwt, check: 'keys', remedy: `BETTER_AUTH_URL=${issuer.url}` },
  },
  'a session token taken for a JWT': {
    ...{ sends: bearer, check: 'session', remedy: /^SESSION_TOKENS=true, .*authClient\.token/ },
  },
  'a session token without its signature': {
    sends: async () => bare(),
    ...{ check: 'token', remedy: /^Send a JWT, authClient\.token\(\)/, instead: jwt },
  },
  'a session token without its signature, and SESSION_TOKENS takes signed ones': {
    broken: withSessions,
    sends: async () => bare(),
    ...{ check: 'token', remedy: /SESSION_TOKENS=unsigned takes it as it is/, instead: bearer },
  },
  'a session cookie, and SESSION_TOKENS is off': {
    ...{ sends: cookie, check: 'session', remedy: /^SESSION_TOKENS=true/ },
  },
  'a session cookie of another name': {
    broken: withSessions,
    sends: async () => visitor.cookieHeader().replace('better-auth.session_t', 'my-app.session_t'),
    ...{ check: 'session', remedy: 'SESSION_COOKIE=my-app.session_token' },
  },
  'a session cookie, and another database': {
    broken: { ...withSessions, DATABASE_URL: otherUrl },
    ...{ sends: cookie, check: 'session row', remedy: /^DATABASE_URL=<that of your frontend>/ },
  },
  'SESSIONS_TABLE is not there': {
    broken: { ...withSessions, SESSIONS_TABLE: 'sessions' },
    ...{ sends: cookie, check: 'sessions', remedy: 'SESSIONS_TABLE=session' },
  },
  'a JWT, and another database': {
    broken: { DATABASE_URL: otherUrl },
    ...{ sends: jwt, check: 'user', remedy: /^DATABASE_URL=<that of your frontend>/ },
  },
  'another secret, and a JWT with HS256': {
    broken: { BETTER_AUTH_SECRET: anotherSecret },
    ...{ sends: ownRoute, check: 'signature', remedy: /^BETTER_AUTH_SECRET=<.*expand a \$/ },
  },
  'another secret, and a session cookie': {
    broken: { ...withSessions, BETTER_AUTH_SECRET: anotherSecret },
    ...{
      sends: cookie,
      check: 'signature',
      remedy: /^BETTER_AUTH_SECRET=<the one of your frontend>/,
    },
  },
  'an expired token': {
    sends: signed({ exp: Math.floor(Date.now() / 1000) - 60 }),
    ...{ check: 'expiry', remedy: /^Fetch a new token/, instead: jwt },
  },
  'a token without an expiry': {
    sends: signed({ exp: undefined }),
    ...{ check: 'expiry', remedy: /setExpirationTime/, instead: signed({}) },
  },
  'a token of a mail, which names no user': {
    sends: async () => issuer.mails[0] ?? '',
    ...{ check: 'claims', remedy: /authClient\.token\(\)/, instead: jwt },
  },
  'another issuer than JWT_ISSUER': {
    broken: { JWT_ISSUER: 'http://localhost:1' },
    ...{ sends: jwt, check: 'claims', remedy: `JWT_ISSUER=${issuer.url}` },
  },
  'another audience than JWT_AUDIENCE': {
    broken: { JWT_AUDIENCE: 'todo' },
    ...{ sends: jwt, check: 'claims', remedy: `JWT_AUDIENCE=${issuer.url}` },
  },
  'an algorithm that is not accepted': {
    sends: async () =>
      (await ownRoute()).replace(/^[^.]+/, btoa('{"alg":"HS512"}').replace('=', '')),
    ...{ check: 'signature', remedy: /^Sign with HS256/, instead: ownRoute },
  },
  'a slash at the end of an origin': {
    broken: { CORS_ORIGINS: `${issuer.url}/` },
    ...{ check: 'environment', remedy: `CORS_ORIGINS=${issuer.url}` },
  },
  'a session cookie of an origin that CORS_ORIGINS does not have': {
    broken: { ...withSessions, CORS_ORIGINS: 'http://127.0.0.1:3000' },
    ...{ sends: cookie, check: 'origin' },
    remedy: `CORS_ORIGINS=http://127.0.0.1:3000,${issuer.url}`,
  },
  'no secret': {
    broken: { BETTER_AUTH_SECRET: undefined },
    ...{ check: 'environment', remedy: /BETTER_AUTH_SECRET of your frontend/ },
  },
  'a database that nobody listens for': {
    broken: { DATABASE_URL: `postgres://postgres:${password}@127.0.0.1:${noPort}/todo` },
    ...{ check: 'database', remedy: /correct the host and port in DATABASE_URL/ },
  },
  'a password of the database that is wrong': {
    broken: { DATABASE_URL: databaseUrl.replace(password, 'wrong-password') },
    ...{ check: 'database', remedy: /the password in DATABASE_URL/ },
  },
  'a database without the tables': {
    broken: async () => ({
      DATABASE_URL: server.url(await createDatabase(server)),
      USERS_TABLE: 'users',
    }),
    ...{ check: 'migrations', remedy: 'npm run db:migrate' },
  },
  'a database with the tables of the frontend alone, and USERS_TABLE left out': {
    broken: async () => ({ DATABASE_URL: await frontendDatabase(), USERS_TABLE: undefined }),
    ...{ check: 'migrations', remedy: 'USERS_TABLE=user, and then: npm run db:migrate' },
  },
  'a login that may not take the role of the requests': {
    broken: async () => ({
      DATABASE_URL: databaseUrl.replace('//postgres:', `//${await createLogin(server)}:`),
    }),
    ...{ sends: jwt, check: 'isolation', remedy: /GRANT todo_app TO "login_\w+"/ },
  },
  'row-level security that somebody turned off': {
    broken: async () => {
      const url = await frontendDatabase()
      await migrateHere({ ...right, DATABASE_URL: url })
      await runSql(url, 'alter table tasks disable row level security')
      return { DATABASE_URL: url }
    },
    ...{ check: 'isolation', remedy: /ENABLE ROW LEVEL SECURITY/ },
  },
}

test.each(Object.entries(setUps))(
  'it names the fault, and its remedy mends it: %s',
  async (_, { broken = {}, sends, check, remedy, instead = sends }) => {
    const env = { ...right, ...(typeof broken === 'function' ? await broken() : broken) }
    const before = await examine(env, await sends?.())
    const [fault] = before.failures
    expect(fault).toMatchObject({ name: check, remedy: expect.stringMatching(remedy) })
    if (sends !== undefined) {
      expect(before.checks.at(-1)).toMatchObject({ name: 'verdict', ok: false })
      expect(before.checks.at(-1)?.found).toMatch(/refuse[ds]/)
    }

    const administrator = (env['DATABASE_URL'] ?? '').replace(/login_\w+(?=:)/, 'postgres')
    const mended = await follow(fault?.remedy ?? '', env, right, administrator)
    expect((await examine(mended, await instead?.())).failures).toEqual([])
  },
)

test('users that the migrations looked for in another table are brought together by its remedy', async () => {
  const url = server.url(await createDatabase(server))
  const own = await startIssuer({ databaseUrl: url })
  onTestFinished(own.stop)
  await own.migrate()
  const env = { ...right, DATABASE_URL: url, BETTER_AUTH_URL: own.url, CORS_ORIGINS: own.url }
  await migrateHere({ ...env, USERS_TABLE: 'users' })
  const anna = await signUp(own.url, 'anna')

  const { failures } = await diagnose({ ...env, USERS_TABLE: 'users' }, {})
  expect(failures[0]).toMatchObject({
    name: 'users',
    remedy: expect.stringMatching(/^USERS_TABLE=user, then run: ALTER TABLE tasks/),
  })
  const mended = await follow(failures[0]?.remedy ?? '', env, right, url)
  expect((await diagnose(mended, { token: await anna.token() })).failures).toEqual([])

  const service = await startHere({ ...env, USERS_TABLE: 'user' })
  const send = (token: string) =>
    service.ask('/api/tasks', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"title":"Buy milk"}',
    })
  expect((await send(await anna.token())).status).toBe(201)
  expect((await send(await tokenFor('nobody'))).status).toBe(401)
  await anna.deleteAccount()
  expect(await runSql(url, 'select from tasks')).toEqual([])
})

test('a sub that the ids of users cannot be is named by the doctor, and by the log', async () => {
  const url = server.url(await createDatabase(server))
  await runSql(url, 'create table users (id serial primary key, email text unique, name text)')
  const env = { ...right, DATABASE_URL: url, USERS_TABLE: 'users' }
  await migrateHere(env)
  const { failures, checks } = await examine(env, await ownRoute())
  expect(failures[0]).toMatchObject({
    name: 'user',
    found: `the ids of users are of the type integer, and the sub ${visitor.id} is none`,
    remedy: expect.stringMatching(/^USERS_TABLE=<the table whose ids the tokens have>/),
  })
  expect(checks.at(-1)).toMatchObject({ name: 'verdict', ok: false })
  const service = await startHere(env)
  const headers = { authorization: `Bearer ${await ownRoute()}` }
  const answer = await service.ask('/api/tasks', { headers })
  expect(await answer.json()).toMatchObject({ code: 'account_unknown' })
  expect(service.logged).toContainEqual(
    expect.objectContaining({
      ...{ event: 'refused', code: 'account_unknown' },
      because: "The ids of users are of the type integer, and the token's sub is none.",
    }),
  )
})

test.each([
  ['a row of it needs hashed_password', ['alter table users add hashed_password text not null']],
  ['projects refers to it', ['create table projects (owner text references users)']],
])(
  'a user whom the service cannot add is refused, as the verdict says: %s',
  async (why, tables) => {
    const url = server.url(await createDatabase(server))
    await runSql(
      url,
      'create table users (id text primary key, email text unique, name text)',
      ...tables,
    )
    const env = { ...right, DATABASE_URL: url, USERS_TABLE: 'users' }
    await migrateHere(env)
    const { failures, checks } = await examine(env, await ownRoute())
    expect(failures[0]).toMatchObject({ name: 'user', found: expect.stringContaining(why) })
    expect(checks.at(-1)?.found).toBe('accepted, and refused when it creates: 401 account_unknown')
  },
)

test('several workers on PGlite are named, which could not start', async () => {
  const { failures } = await examine({ ...right, DATABASE_URL: 'pglite://', WORKERS: '2' })
  expect(failures).toMatchObject([{ name: 'environment', remedy: 'WORKERS=1' }])
})

test('a service that runs with an earlier CORS_ORIGINS is found by a preflight', async () => {
  const env = { ...right, PORT: String(await freePort()) }
  const earlier = { ...env, CORS_ORIGINS: 'http://localhost:1' }
  await using service = await startService('node', earlier)
  expect(service.url).toContain(env.PORT)
  const { failures } = await examine(env)
  expect(failures).toMatchObject([
    { name: 'origin', remedy: expect.stringMatching(/^Start the service again/) },
  ])
  const { checks } = await diagnose(earlier, { frontend: earlier.CORS_ORIGINS })
  expect(checks.at(-1)?.found).toBe(`a preflight from ${earlier.CORS_ORIGINS} is answered`)
})

test('what else listens on the port is not taken for the service, nor waited for longer than five seconds', async () => {
  const silent = createSilentServer(() => {}).listen(0)
  await once(silent, 'listening')
  onTestFinished(() => void silent.close())
  const startedAt = performance.now()
  for (const PORT of [String(portOf(silent)), new URL(issuer.url).port]) {
    const { checks, failures } = await examine({ ...right, PORT })
    expect(failures).toEqual([])
    expect(checks.at(-1)?.found).toContain('the service does not run')
  }
  // A fetch by itself would wait for five minutes.
  expect(performance.now() - startedAt).toBeLessThan(20_000)
})

test('a database folder that the running service has open is asked of the service', async () => {
  const PORT = String(await freePort())
  const env = { ...right, PORT, DATABASE_URL: `pglite://${newFolder()}/data`, USERS_TABLE: 'users' }
  const before = await examine(env, await ownRoute())
  expect(before.failures).toMatchObject([
    { name: 'database', remedy: 'npm run db:migrate' },
    { name: 'verdict', remedy: 'Mend "database" above.' },
  ])
  await using service = await startService('node', env)
  expect(service.url).toContain(PORT)
  const { checks, failures } = await examine(env, await ownRoute())
  expect(failures).toEqual([])
  expect(checks[1]?.found).toBe('the running service has it open, and is ready')
})

test('a URL that only the token names is left to the person', async () => {
  const token = await jwt()
  const { failures } = await diagnose({ ...right, BETTER_AUTH_URL: undefined }, { token })
  expect(failures[0]?.remedy).toBe(`BETTER_AUTH_URL=${issuer.url}, if that is your frontend`)
})

test('a secret with a $ in the env file of the service is another one, and its remedy mends it', async () => {
  const folder = newFolder()
  const secret = 'a-secret-with-$HOME-in-it-0123456789'
  const token = await new SignJWT({ sub: visitor.id, exp: Math.floor(Date.now() / 1000) + 900 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret))
  const examineWith = async (written: string) => {
    writeFileSync(join(folder, '.env.local'), `BETTER_AUTH_SECRET=${written}\n`)
    const env = { ...right, BETTER_AUTH_SECRET: undefined }
    return await runScript('doctor', env, ['--token', token], folder)
  }
  const bad = await examineWith(secret)
  expect(bad).toMatchObject({ code: 1, stdout: expect.stringContaining('write \\$') })
  const good = await examineWith(secret.replace('$', '\\$'))
  expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining('accepted') })
  for (const { stdout } of [bad, good]) expect(stdout).not.toContain('a-secret-with')
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

test.skipIf(!hasOpenssl)(
  'a key set behind a private CA: it names NODE_EXTRA_CA_CERTS',
  async () => {
    const folder = newFolder()
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const files = ['-keyout', keyFile, '-out', certFile]
    const options = ['req', '-x509', '-days', '2', ...curve, ...files, ...subject]
    execFileSync('openssl', options, { stdio: 'ignore' })
    const keys = await (await fetch(`${issuer.url}/api/auth/jwks`)).text()
    const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) }
    const secure = createServer(tls, (_, response) => response.end(keys)).listen(0)
    await once(secure, 'listening')
    onTestFinished(() => {
      secure.close()
      secure.closeAllConnections()
    })
    const env = { ...right, BETTER_AUTH_URL: `https://localhost:${portOf(secure)}` }

    const { failures } = await examine(env)
    expect(failures).toMatchObject([{ name: 'keys' }])
    const given = { NODE_EXTRA_CA_CERTS: certFile }
    const mended = await follow(failures[0]?.remedy ?? '', env, given, databaseUrl)
    // Node reads the variable when it starts.
    const again = await runScript('doctor', mended, ['--token', await jwt()])
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('accepted') })
  },
)

test('it changes nothing, in a database with the tables and in one without', async () => {
  const url = server.url(await createDatabase(server))
  const own = { DATABASE_URL: url, RATE_LIMIT: '2/60', USERS_TABLE: 'users' }
  const env = { ...right, ...withSessions, ...own }
  const attempts = async () => {
    for (const send of [jwt, cookie, ownRoute]) await examine(env, await send())
  }
  await attempts()
  const tables = "select relname from pg_class where relnamespace = 'public'::regnamespace"
  expect(await runSql(url, tables)).toEqual([])

  await migrateHere(env)
  const rows = `select (select count(*)::integer from tasks) as tasks,
    (select count(*)::integer from users) as users,
    (select count(*)::integer from rate_limits) as permits`
  expect(await runSql(url, rows)).toEqual([{ tasks: 0, users: 0, permits: 0 }])
  await attempts()
  expect(await runSql(url, rows)).toEqual([{ tasks: 0, users: 0, permits: 0 }])
})

test('scripts read it as JSON', async () => {
  const broken = { ...right, CORS_ORIGINS: 'http://localhost:1' }
  const bad = await runScript('doctor', broken, ['--json', '--frontend', `${issuer.url}/`])
  const { checks } = await examine(broken)
  expect(bad).toMatchObject({ code: 1, stderr: '' })
  expect(JSON.parse(bad.stdout)).toEqual({ ok: false, checks })
  outputs.push(bad.stdout)
})

test('people read it as lines, both by its exit code, and an argument that is wrong is named', async () => {
  const broken = { ...right, BETTER_AUTH_SECRET: anotherSecret }
  const token = await ownRoute()
  const bad = await runScript('doctor', broken, ['--token', token])
  expect(bad.code).toBe(1)
  expect(bad.stdout).toMatch(/^✓ environment +complete.*\n✓ database /)
  expect(bad.stdout).toMatch(/^✗ signature +HS256, with another secret.*\n +→ BETTER_AUTH_SECRET=/m)
  const good = await runScript('doctor', right, ['--token', token])
  expect(good.code).toBe(0)
  expect(good.stdout).toMatch(/✓ verdict +accepted\n\nNothing is wrong\.\n$/)
  for (const wrong of [['--tokn', token], [token]]) {
    const refused = await runScript('doctor', right, wrong)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('npm run doctor -- [--frontend')
    expect(refused.stderr).not.toMatch(/^ +at /m)
    outputs.push(refused.stderr)
  }
  const misused = await runScript('doctor', right, ['--frontend', 'localhost:3000'])
  expect(misused).toMatchObject({ code: 1, stdout: '' })
  expect(misused.stderr).toContain('http://localhost:3000')
  outputs.push(bad.stdout, good.stdout)
})

test('nothing that it ever printed here is a secret', async () => {
  const all = outputs.join('\n')
  expect(all).toContain(visitor.id)
  const [sessionToken = '', signature = ''] = decodeURIComponent(visitor.sessionToken).split('.')
  const secrets = [testSecret, anotherSecret, password, 'wrong-password', sessionToken, signature]
  for (const secret of secrets) expect(all).not.toContain(secret)
  // The parts of a JWT begin with {" in base64.
  expect(all).not.toMatch(/eyJ[\w-]{20}/)
  expect(outputs.length).toBeGreaterThan(55)
})
