import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { createServer as createSilentServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { hasOpenssl } from '#tests/database/postgres-tls'
import { newDatabase, server } from '#tests/support/databases'
import { diagnose, follow } from '#tests/support/doctor'
import { forge, hmac } from '#tests/support/forgery'
import { closeHere, type Environment, migrateHere, startHere } from '#tests/support/in-process'
import { type IssuerOptions, startIssuer } from '#tests/support/issuer'
import { createLogin, password, runSql } from '#tests/support/postgres'
import { runScript } from '#tests/support/script'
import { freePort, listen, startService } from '#tests/support/service'
import { testSecret, tokenFor } from '#tests/support/tokens'
import { signUp } from '#tests/support/visitor'
import { everythingIn } from '#tests/tools/adopt'

/** A frontend with the tables of Better Auth, in a database of its own. */
async function newFrontend(options: Partial<IssuerOptions> = {}) {
  const databaseUrl = (await newDatabase()).url
  const frontend = await startIssuer({ databaseUrl, ...options })
  await frontend.migrate()
  return { ...frontend, databaseUrl }
}

const [issuer, other] = [await newFrontend(), await newFrontend()]
/** Where nothing listens. */
const noPort = await freePort()

/** The set-up that works; each test breaks one thing of it. */
const right = {
  DATABASE_URL: issuer.databaseUrl,
  BETTER_AUTH_SECRET: testSecret,
  BETTER_AUTH_URL: issuer.url,
  CORS_ORIGINS: issuer.url,
  USERS_TABLE: 'user',
  PORT: String(noPort),
}
const withSessions = { SESSION_TOKENS: 'true' }
const anotherSecret = 'another-secret-that-is-long-enough-too'
const otherDatabase = { DATABASE_URL: other.databaseUrl }
const outputs: string[] = []

await migrateHere(right)
await migrateHere({ ...right, ...otherDatabase })
const visitor = await signUp(issuer.url, 'anna')
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

const jwt = () => visitor.token()
const ownRoute = () => visitor.token('/api/token')
const bearer = async () => visitor.sessionToken
const bare = async () => decodeURIComponent(visitor.sessionToken).split('.')[0] ?? ''
const cookie = async () => visitor.cookieHeader()
const twoCookies = async () => `${await cookie()}; better-auth.session_token=ended`
const signed = (claims: Record<string, unknown>) => () => tokenFor(visitor.id, claims)

test.each([
  ['a JWT of the jwt plugin', jwt, {}],
  ['a JWT of a route of your own', ownRoute, {}],
  ['a session token', bearer, withSessions],
  ['the header Authorization', async () => `Authorization: Bearer ${await jwt()}`, {}],
  ['a bare session token', bare, { SESSION_TOKENS: 'unsigned' }],
  ['two session cookies', twoCookies, withSessions],
  ['the header Cookie', async () => `Cookie: theme=dark; ${await cookie()}`, withSessions],
])('where nothing is wrong it says so, for %s', async (_, credential, settings) => {
  const { failures, checks } = await examine({ ...right, ...settings }, await credential())
  expect(failures).toEqual([])
  const asked = ['environment', 'database', 'migrations', 'isolation', 'users', 'sessions', 'keys']
  const names = checks.map(({ name }) => name)
  expect(names.slice(0, 9)).toEqual([...asked, 'origin', 'token'])
  expect(checks.at(-1)).toMatchObject({ name: 'verdict', found: 'accepted' })
  expect(checks.find(({ name }) => name === 'users')?.found).toContain('text')
})

/** The database of another frontend, so that breaking it breaks nothing else. */
async function frontendDatabase(options?: Partial<IssuerOptions>): Promise<string> {
  const { databaseUrl, stop } = await newFrontend(options)
  await stop()
  return databaseUrl
}

/** Settings for a database that had such tables before it was migrated. */
async function settingsWith(...tables: string[]) {
  const env = { ...right, DATABASE_URL: (await newDatabase()).url, USERS_TABLE: 'users' }
  await runSql(env.DATABASE_URL, ...tables)
  await migrateHere(env)
  return env
}

async function withoutRowSecurity() {
  const DATABASE_URL = await frontendDatabase()
  await migrateHere({ ...right, DATABASE_URL })
  await runSql(DATABASE_URL, 'alter table tasks disable row level security')
  return { DATABASE_URL }
}
const withoutRole = async () => ({
  DATABASE_URL: right.DATABASE_URL.replace('//postgres:', `//${await createLogin(server)}:`),
})
const emptyDatabase = async () => ({
  DATABASE_URL: (await newDatabase()).url,
  USERS_TABLE: 'users',
})
const alone = async () => ({
  DATABASE_URL: await frontendDatabase(),
  USERS_TABLE: undefined,
})
const wrongPassword = { DATABASE_URL: right.DATABASE_URL.replace(password, 'wrong-password') }
const otherSessions = { ...withSessions, SESSIONS_TABLE: 'sessions' }
const secretOfAnother = { ...withSessions, BETTER_AUTH_SECRET: anotherSecret }
const slashedOrigin = { CORS_ORIGINS: `${issuer.url}/` }
const otherOrigin = { ...withSessions, CORS_ORIGINS: 'http://127.0.0.1:3000' }

const expired = signed({ exp: Math.floor(Date.now() / 1000) - 60 })
const mail = async () => issuer.mails[0] ?? ''
const hs512 = async () => (await ownRoute()).replace(/^[^.]+/, btoa('{"alg":"HS512"}'))

const itsUrl = `BETTER_AUTH_URL=${issuer.url}`
const itsDatabase = 'DATABASE_URL=<that of your frontend>'
const bothOrigins = `CORS_ORIGINS=http://127.0.0.1:3000,${issuer.url}`

test.each<
  [
    what: string,
    settings: Environment | (() => Promise<Environment>),
    sends: (() => Promise<string>) | undefined,
    says: string | RegExp,
    sendsThen?: () => Promise<string>,
  ]
>([
  ['no BETTER_AUTH_URL', { BETTER_AUTH_URL: undefined }, jwt, `keys: ${itsUrl}`],
  ['the URL of another', { BETTER_AUTH_URL: other.url }, jwt, `signature: ${itsUrl}`],
  ['a URL without keys', { BETTER_AUTH_URL: `${issuer.url}/none` }, jwt, `keys: ${itsUrl}`],
  ['no SESSION_TOKENS', {}, bearer, /^session: SESSION_TOKENS=true, .*authClient\.token/],
  ['a bare session token', {}, bare, /^token: Send a JWT, authClient\.token\(\)/, jwt],
  ['a bare one, signed ones count', withSessions, bare, /SESSION_TOKENS=unsigned takes it/, bearer],
  ['no such table', otherSessions, cookie, 'sessions: SESSIONS_TABLE=session'],
  ['no such session', { ...withSessions, ...otherDatabase }, cookie, `session row: ${itsDatabase}`],
  ['no such user', otherDatabase, jwt, `user: ${itsDatabase}`],
  ['another secret, JWT', secretOfAnother, ownRoute, /^signature: .*_SECRET=<.*expand a \$/],
  ['another secret, cookie', secretOfAnother, cookie, /^signature: .*_SECRET=<the one of your/],
  ['an expired token', {}, expired, 'expiry: Fetch a new token', jwt],
  ['no expiry', {}, signed({ exp: undefined }), /^expiry: .*setExpirationTime/, signed({})],
  ['a mail, which names no user', {}, mail, /^claims: .*authClient\.token\(\)/, jwt],
  ['another issuer', { JWT_ISSUER: 'http://a' }, jwt, `claims: JWT_ISSUER=${issuer.url}`],
  ['another audience', { JWT_AUDIENCE: 'a' }, jwt, `claims: JWT_AUDIENCE=${issuer.url}`],
  ['another algorithm', {}, hs512, 'signature: Sign with HS256', ownRoute],
  ['a slash after an origin', slashedOrigin, undefined, /^environment: CORS_O/],
  ['a page of another origin', otherOrigin, cookie, `origin: ${bothOrigins}`],
  ['no secret', { BETTER_AUTH_SECRET: undefined }, undefined, /^environment: .*of your frontend/],
  ['a wrong password', wrongPassword, undefined, /^database: .*the password in DATABASE_URL/],
  ['no tables', emptyDatabase, jwt, /^migrations: npm run db:migrate$/],
  ['no USERS_TABLE', alone, undefined, /^migrations: USERS_TABLE=user, .*db:migrate$/],
  ['a login without the role', withoutRole, jwt, /^isolation: .*GRANT todo_app TO "login_\w+"/],
  ['no row security', withoutRowSecurity, undefined, /^isolation: .*ENABLE ROW LEVEL SECURITY/],
])('it names the fault, and its remedy mends it: %s', async (...row) => {
  const [, settings, sends, says, sendsThen = sends] = row
  const env = { ...right, ...(typeof settings === 'function' ? await settings() : settings) }
  const { failures, checks } = await examine(env, await sends?.())
  const { name = '', remedy = '' } = failures[0] ?? {}
  expect(`${name}: ${remedy}`).toMatch(says)
  if (sends !== undefined) {
    expect(checks.at(-1)).toMatchObject({ name: 'verdict', ok: false })
    expect(checks.at(-1)?.found).toMatch(/refuse[ds]/)
  }

  const administrator = (env['DATABASE_URL'] ?? '').replace(/login_\w+(?=:)/, 'postgres')
  const mended = await follow(remedy, env, right, administrator)
  expect((await examine(mended, await sendsThen?.())).failures).toEqual([])
})

test('tasks that refer to another users table are brought to the right one by its remedy, also where it lacks one of their users', async () => {
  const DATABASE_URL = await frontendDatabase()
  const env = { ...right, DATABASE_URL, USERS_TABLE: 'users' }
  await migrateHere(env)
  const anna = `insert into "user" (id, name, email, "emailVerified") values ('anna', 'A', 'a@x.y', true)`
  const alicesTask = `insert into tasks (user_id, id, title) values ('alice', gen_random_uuid(), 'Tea')`
  await runSql(DATABASE_URL, anna, `insert into users (id) values ('alice')`, alicesTask)
  const [fault] = (await examine(env)).failures
  const remedy = expect.stringMatching(/^USERS_TABLE=user, then run: ALTER TABLE tasks/)
  expect(fault).toMatchObject({ name: 'users', remedy })
  const mended = await follow(fault?.remedy ?? '', env, right, DATABASE_URL)
  expect((await examine(mended, await tokenFor('anna'))).failures).toEqual([])

  const { send } = await startHere(mended)
  for (const [user, status] of [
    ['anna', 201],
    ['nobody', 401],
  ] as const) {
    const headers = { authorization: `Bearer ${await tokenFor(user)}` }
    expect((await send('POST', '/api/tasks', headers, { title: 'Milk' })).status).toBe(status)
  }
  expect(await runSql(DATABASE_URL, 'select id from users')).toEqual([{ id: 'alice' }])
  const left = await runSql(DATABASE_URL, 'delete from "user"', 'select title from tasks')
  expect(left).toEqual([{ title: 'Tea' }])
})

test('tasks that refer to no users table, since it was dropped and made anew, are named by the log, and brought to it by its remedy', async () => {
  const DATABASE_URL = (await newDatabase()).url
  const env = { ...right, DATABASE_URL }
  const own = await startIssuer({ databaseUrl: DATABASE_URL })
  onTestFinished(own.stop)
  await own.migrate()
  await migrateHere(env)
  await runSql(
    DATABASE_URL,
    'create table projects (id text primary key)',
    'alter table tasks add project text constraint a references projects',
    'drop table "user", session, account, verification, jwks cascade',
  )
  const [gone] = (await examine(env)).failures
  expect(gone).toMatchObject({ name: 'users', found: expect.stringContaining('is gone') })
  await own.migrate()
  const { logged } = await startHere(env)
  expect(logged).toMatchObject([
    { event: 'other_users', detail: expect.stringMatching(/in no table.*doctor/) },
  ])
  const anna = await signUp(own.url, 'anna')
  const [fault] = (await examine(env)).failures
  expect(fault).toMatchObject({ name: 'users', found: expect.stringContaining('no table') })
  const mended = await follow(fault?.remedy ?? '', env, right, DATABASE_URL)
  const token = await tokenFor(anna.id)
  expect((await examine(mended, token)).failures).toEqual([])

  const { send } = await startHere(mended)
  const create = () =>
    send('POST', '/api/tasks', { authorization: `Bearer ${token}` }, { title: 'Milk' })
  expect((await create()).status).toBe(201)
  await anna.deleteAccount()
  expect((await create()).status).toBe(401)
  expect(await runSql(DATABASE_URL, 'select from tasks')).toEqual([])
})

test.each(['uuid', 'serial'] as const)(
  'tables that were made for ids of another type than the frontend’s, %s, are made anew by its remedy, which tells what that deletes',
  async (generateId) => {
    const DATABASE_URL = await frontendDatabase({ advanced: { database: { generateId } } })
    const env = { ...right, DATABASE_URL, USERS_TABLE: 'users' }
    await migrateHere(env)
    const [fault] = (await examine(env)).failures
    const remedy = expect.stringMatching(/^USERS_TABLE=user, .*deletes them all/)
    expect(fault).toMatchObject({ name: 'users', remedy })
    const mended = await follow(fault?.remedy ?? '', env, right, DATABASE_URL)
    const anna = `insert into "user" (name, email, "emailVerified") values ('A', 'a@x.y', true) returning id::text`
    const [user] = await runSql(DATABASE_URL, anna)
    const token = await tokenFor(String(user?.['id']))
    expect((await examine(mended, token)).failures).toEqual([])
    const { send } = await startHere(mended)
    const headers = { authorization: `Bearer ${token}` }
    expect((await send('POST', '/api/tasks', headers, { title: 'Milk' })).status).toBe(201)
    expect(await runSql(DATABASE_URL, 'delete from "user"', 'select from tasks')).toEqual([])
  },
)

test('a sub that the ids of users cannot be is named by the doctor, and by the log', async () => {
  const users = 'create table users (id serial primary key, email text unique, name text)'
  const env = await settingsWith(users)
  const { failures } = await examine(env, await ownRoute())
  expect(failures).toMatchObject([
    {
      name: 'user',
      found: `the ids of users are of the type integer, and the sub ${visitor.id} is none`,
      remedy: expect.stringMatching(/^USERS_TABLE=<the table whose ids the tokens have>/),
    },
    { name: 'verdict' },
  ])
  const service = await startHere(env)
  const headers = { authorization: `Bearer ${await ownRoute()}` }
  await service.ask('/api/tasks', { headers })
  const because = "The ids of users are of the type integer, and the token's sub is none."
  expect(service.logged).toMatchObject([{ event: 'refused', code: 'account_unknown', because }])
})

test.each([
  ['a row of it needs hashed_password', 'alter table users add hashed_password text not null'],
  ['it has no column name', 'alter table users drop name'],
  ['a row of it needs email, and the token has none', 'alter table users alter email set not null'],
  ['projects refers to it', 'create table projects (owner text references users)'],
])('a user whom the service cannot add is refused, says the verdict: %s', async (why, change) => {
  const users = 'create table users (id text primary key, email text unique, name text)'
  const env = await settingsWith(users, change)
  const { failures, checks } = await examine(env, await tokenFor('nobody'))
  expect(failures[0]).toMatchObject({ name: 'user', found: expect.stringContaining(why) })
  expect(checks.at(-1)?.found).toBe('accepted, and refused when it creates: 401 account_unknown')
})

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
  const silent = createSilentServer(() => {})
  const port = await listen(silent)
  onTestFinished(() => void silent.close())
  const startedAt = performance.now()
  for (const PORT of [String(port), new URL(issuer.url).port]) {
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

test.skipIf(!hasOpenssl)('of keys behind a private CA it says NODE_EXTRA_CA_CERTS', async () => {
  const folder = newFolder()
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const options = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject]
  execFileSync('openssl', [...options, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' })
  const keys = await (await fetch(`${issuer.url}/api/auth/jwks`)).text()
  const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) }
  const secure = createServer(tls, (_, response) => response.end(keys))
  const frontend = `https://localhost:${await listen(secure)}`
  onTestFinished(() => secure.close().closeAllConnections())
  const env = { ...right, BETTER_AUTH_URL: frontend, CORS_ORIGINS: frontend }
  const { failures } = await diagnose(env, { frontend })
  const remedy = expect.stringMatching(/^NODE_EXTRA_CA_CERTS=</)
  expect(failures).toMatchObject([{ name: 'keys', remedy }])
  // Node reads the variable when it starts.
  const mended = { ...env, NODE_EXTRA_CA_CERTS: certFile }
  const { code, stdout } = await runScript('doctor', mended, ['--token', await jwt()])
  expect(stdout).toContain('accepted')
  expect(code).toBe(0)
})

test('it changes nothing, in a database without the tables and in one with them', async () => {
  const own = { DATABASE_URL: (await newDatabase()).url, RATE_LIMIT: '2/60', USERS_TABLE: 'users' }
  const env = { ...right, ...withSessions, ...own }
  for (const prepare of [() => undefined, () => migrateHere(env)]) {
    await prepare()
    const before = await everythingIn(env.DATABASE_URL)
    for (const send of [jwt, cookie, ownRoute]) await examine(env, await send())
    expect(await everythingIn(env.DATABASE_URL)).toEqual(before)
  }
})

test('scripts read it as JSON, and by its exit code', async () => {
  const broken = { ...right, CORS_ORIGINS: 'http://localhost:1' }
  const bad = await runScript('doctor', broken, ['--json', '--frontend', `${issuer.url}/`])
  const { checks } = await examine(broken)
  expect(bad).toMatchObject({ code: 1, stderr: '' })
  expect(JSON.parse(bad.stdout)).toEqual({ ok: false, checks })
  outputs.push(bad.stdout)
})

test('people read it as lines, about the env files too, in which a $ needs a backslash', async () => {
  const folder = newFolder()
  const secret = 'a-secret-with-$HOME-in-it-0123456789'
  const inAnHour = Math.floor(Date.now() / 1000) + 3600
  const token = forge({ alg: 'HS256' }, { sub: visitor.id, exp: inAnHour }, hmac(secret))
  const runWith = async (written: string) => {
    writeFileSync(join(folder, '.env.local'), `BETTER_AUTH_SECRET=${written}\n`)
    const env = { ...right, BETTER_AUTH_SECRET: undefined }
    const ended = await runScript('doctor', env, ['--token', token], folder)
    outputs.push(ended.stdout)
    return ended
  }
  const bad = await runWith(secret)
  expect(bad.code).toBe(1)
  expect(bad.stdout).toMatch(/^✓ environment +complete.*\n✓ database /)
  expect(bad.stdout).toMatch(/^✗ signature +HS256, with another secret.*\n +→ .*write \\\$/m)
  const good = await runWith(secret.replace('$', '\\$'))
  expect(good.code).toBe(0)
  expect(good.stdout).toMatch(/✓ verdict +accepted\n\nNothing is wrong\.\n$/)
})

test.each([
  [['--tokn', 'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9'], 'npm run doctor -- [--frontend'],
  [['eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9'], 'npm run doctor -- [--frontend'],
  [['--frontend', 'localhost:3000'], '--frontend takes an origin'],
])('the arguments %j are refused with what is right', async (parameters, says) => {
  const { code, stdout, stderr } = await runScript('doctor', right, parameters)
  expect(stderr).toContain(says)
  expect(stderr).not.toMatch(/^ +at /m)
  expect([code, stdout]).toEqual([1, ''])
  outputs.push(stderr)
})

test('nothing that it ever printed here is a secret', async () => {
  const all = outputs.join('\n')
  expect(all).toContain(visitor.id)
  const [sessionToken = '', signature = ''] = decodeURIComponent(visitor.sessionToken).split('.')
  const secrets = [testSecret, anotherSecret, password, 'wrong-password', sessionToken, signature]
  for (const secret of secrets) expect(all).not.toContain(secret)
  // The parts of a JWT begin with {" in base64.
  expect(all).not.toMatch(/eyJ[\w-]{20}/)
  expect(outputs.length).toBeGreaterThan(60)
})
