import { readFileSync } from 'node:fs'
import { BlockList } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { type Environment, takeEnvironment } from '#tests/support/in-process'
import { testSecret } from '#tests/support/tokens'

const complete = { DATABASE_URL: 'postgres://db/todo', BETTER_AUTH_SECRET: testSecret }
const fromTests = { BETTER_AUTH_URL: undefined, LOG_LEVEL: undefined, RATE_LIMIT: undefined }

afterEach(() => vi.unstubAllEnvs())

/** The settings of a process with these variables, beside those that it needs, and no other. */
async function read(variables: Environment, mode = 'production') {
  await takeEnvironment({ NODE_ENV: mode, ...fromTests, ...complete, ...variables })
  const { env } = await import('#lib/config/env')
  return { ...env() }
}

test.each([
  ['PORT', '0', '65535', '-1', '65536'],
  ['WORKERS', '1', '256', '0', '257'],
  ['DATABASE_POOL_SIZE', '1', '1000', '0', '1001'],
  ['DATABASE_TIMEOUT_MS', '100', '60000', '99', '60001'],
  ['OTEL_TRACES_SAMPLER_ARG', '0', '1', '-0.1', '1.1'],
  ['RATE_LIMIT', '1/99999', '100000/1', '0/60', '100001/1'],
  ['RATE_LIMIT_ADDRESS', '1/99999', '100000/1', '1/100000', '100001/1'],
  ['METRICS_TOKEN', 'x'.repeat(16), 'x'.repeat(99), 'x'.repeat(15), 'x'],
  ['TRUSTED_PROXIES', '10.0.0.0/32', 'fd00::/128', '10.0.0.0/33', 'fd00::/129'],
])('%s is taken from %s to %s, and neither %s nor %s', async (name, least, most, ...others) => {
  for (const value of [least, most]) {
    await expect(read({ [name]: value })).resolves.toBeDefined()
  }
  for (const value of others) {
    await expect(read({ [name]: value })).rejects.toThrow(name)
  }
})

test('a setting that next dev reads while it runs, and that is not valid, is named at the terminal, and every page can read the 500', async () => {
  await takeEnvironment({ ...complete, NODE_ENV: 'development', LIST_ENVELOPE: 'bogus' })
  const told = vi.spyOn(console, 'error').mockReturnValue()
  const { GET } = await import('#app/api/tasks/route')
  const request = new Request('http://service/api/tasks')
  const answer = await GET(request, { params: Promise.resolve({}) })
  expect(answer.status).toBe(500)
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  expect(await answer.json()).toMatchObject({ code: 'internal_error' })
  const message = expect.stringContaining('LIST_ENVELOPE')
  expect(told).toHaveBeenCalledWith(expect.objectContaining({ message }))
})

test('in development the secret alone is enough', async () => {
  const values = await read({ DATABASE_URL: undefined }, 'development')
  expect(values.DATABASE_URL).toBe('pglite://.data/pglite')
})

const unservable = [
  ...['api/todos', '/api/todos/', '/', '/api', '/api/tasks', '/api/tasks/mine'],
  ...['/api/{user_id}', '/api/{user_id}/tasks', '/{user_id}', '/docs/tasks', '/health'],
  ...['/api/{id}/todos', '/api/u/{user_id}/{user_id}', '/api/../todos', '/api/%74odos'],
  ...['/api/:id'],
]
const noOrigins = [
  ...['*', 'null', 'localhost:3000', 'https://app.example.com/'],
  ...['https://app.example.com, https://*', 'https://app.*', 'https://%2a'],
  ...['https://*.*.example.com', 'https://bü*.example.com', 'http://localhost:*'],
]
const anybodys = [
  ...['https://*.com', 'https://app-*.com', 'https://*.xn--p1ai', 'https://*.CO.uk:8443'],
  ...['https://app-*.com.au', 'https://*.com.', 'https://*.co.uk.', 'https://*.netlify.app'],
]
const severalHosts = [
  ...['postgres://todo:b@one:5432,two:5432/todo', 'postgres://todo:b@one,two/todo'],
  ...['postgres://one,two/todo', 'postgresql:///todo?host=one,two'],
]
const urls = ['BETTER_AUTH_URL', 'JWKS_URL', 'OTEL_EXPORTER_OTLP_ENDPOINT']

test.each([
  ['BETTER_AUTH_SECRET', '', 'is missing'],
  ['BETTER_AUTH_SECRET', 'x'.repeat(31), 'shorter than 32'],
  ['BETTER_AUTH_SECRET', 'better-auth-secret-12345678901234567890', 'public default'],
  ['DATABASE_URL', '', 'is missing'],
  ['DATABASE_URL', 'mysql://db/todo', 'no known scheme'],
  ['DATABASE_URL', 'postgres://todo:a#b@db/todo', 'is no URL'],
  ['DATABASE_URL', 'postgres://todo:a/b@db/todo', 'In a password, write #'],
  ['DATABASE_URL', 'postgres://todo:a/b@/todo', 'In a password, write #'],
  ...severalHosts.map((url) => ['DATABASE_URL', url, 'several hosts, and one is meant']),
  ...urls.map((name) => [name, 'localhost:3000', 'http or https']),
  ['JWKS_URL', 'https://me:its-password@app.example.com/jwks', 'has a user or a password'],
  ['BETTER_AUTH_URL', 'https://me:its-password@app.example.com', 'has a user or a password'],
  ['PORT', 'http', 'must be a port'],
  ['USERS_TABLE', 'users; drop table tasks', 'is no table name'],
  ['SESSIONS_TABLE', 'session;', 'is no table name'],
  ['SESSION_COOKIE', 'a=b', 'must be letters'],
  ['SESSION_TOKENS', 'yes', 'must be true, false or unsigned'],
  ...unservable.map((path) => ['TASKS_PATH', path, 'a path that is not served already']),
  ['COMPLETION_FIELD', 'done', 'COMPLETION_FIELD'],
  ['DELETE_ANSWER', '204', 'DELETE_ANSWER'],
  ...noOrigins.map((origins) => ['CORS_ORIGINS', origins, 'is no origin']),
  ['CORS_ORIGINS', 'https://me@app.example.com', 'Set it to https://app.example.com'],
  ...anybodys.map((origins) => ['CORS_ORIGINS', origins, 'pages of other people']),
  ['CORS_ORIGINS', 'https://app.example.com,https://*.vercel.app', 'https://my-app-*.vercel.app'],
  ['RATE_LIMIT', '2000000/1', 'more than 100000 a second'],
  ['TRUSTED_PROXIES', 'proxy', 'is no address'],
  ['TRUSTED_PROXIES', '10.0.0.0/', 'is no address'],
  ['OTEL_TRACES_SAMPLER_ARG', 'half', 'a share from 0 to 1'],
])('%s=%s stops the start and is named: %s', async (name, value, reason) => {
  const failure = read({ [name]: value })
  await expect(failure).rejects.toThrow(name)
  await expect(failure).rejects.toThrow(reason)
})

test.each([
  ['CORS_ORIGINS', 'https://app.example.com, https://*.example.com ,'],
  ['CORS_ORIGINS', 'https://app-*.example.co.uk, https://*.dub.co, https://*.n8n.io'],
  ['CORS_ORIGINS', 'http://*.localhost:3000, https://*.internal, https://my-app-*.vercel.app'],
  ['CORS_ORIGINS', 'https://deploy-preview-*--my-app.netlify.app, https://*.my-app.pages.dev'],
  ['DATABASE_URL', 'postgres://todo:a,b@db/todo'],
  ['DATABASE_URL', 'postgres:///todo?host=/cloudsql/project:region:instance'],
  ['DATABASE_URL', 'postgres://todo:b@/todo?host=/cloudsql/project:region:instance'],
  ['DATABASE_URL', 'postgres://todo:b@%2Fcloudsql%2Fproject:5432/todo'],
] as const)('%s=%s is taken', async (name, value) => {
  const items = value.split(',').flatMap((item) => item.trim() || [])
  const taken = (await read({ [name]: value }))[name]
  expect(taken).toEqual(name === 'CORS_ORIGINS' ? items : value)
})

test('the first entry of BETTER_AUTH_SECRETS is the secret, as it is for Better Auth', async () => {
  const secret = async (list: string) =>
    (await read({ BETTER_AUTH_SECRETS: list })).BETTER_AUTH_SECRET
  expect(await secret(`2:${'n'.repeat(32)}, 1:old`)).toBe('n'.repeat(32))
  await expect(secret(`2:short,1:${'o'.repeat(32)}`)).rejects.toThrow('shorter than 32')
})

test.each([
  ['postgres://todo:its-password@db/todo', 'postgres://…@db/todo'],
  ['postgres://todo:its-password@/todo?host=/socket', 'postgres://…@/todo?host=/socket'],
  ['postgres:///todo?password=its-password&host=/s', 'postgres:///todo?password=…&host=/s'],
])('%s is printed as %s', async (url, printed) => {
  const { withoutPassword } = await import('#lib/config/env')
  expect(withoutPassword(url)).toBe(printed)
})

/** The rows of the table of settings. */
const table = /\| variable \| default \| meaning \|\n.*\n((?:\|.*\n)+)/
const page = readFileSync('docs/operations.md', 'utf8')
const rows = table.exec(page)?.[1]?.trimEnd().split('\n') ?? []

const isNothing = (value: unknown) =>
  value === undefined || (value instanceof BlockList && value.rules.length === 0)

test.each(['development', 'production'])('operations.md has the defaults in %s', async (mode) => {
  expect(rows.length).toBeGreaterThan(20)
  const plain = await read({}, mode)
  for (const row of rows) {
    const [, names = '', cell = ''] = /^\| (.*?) \| (.*?) \|/.exec(row) ?? []
    const [development = '', production = development] = cell.split('; ')
    const said = mode === 'development' ? development : production
    const [, value] = /^`([^`]*)`$/.exec(said) ?? []
    for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) {
      if (value !== undefined) expect(await read({ [name]: value }, mode), name).toEqual(plain)
      else if (said.startsWith('required')) {
        const without = read({ [name]: undefined }, mode)
        await expect(without).rejects.toThrow(`${name} is missing`)
      } else if (!(name in complete))
        expect(isNothing(Reflect.get(plain, name)), `${name}: ${said}`).toBe(true)
    }
  }
})

test('.env.example as it is changes nothing', async () => {
  const lines = readFileSync('.env.example', 'utf8').matchAll(/^([A-Z]\w+)=(.+)$/gm)
  const given = Object.fromEntries(Array.from(lines, ([, name = '', value = '']) => [name, value]))
  expect(Object.keys(given).length).toBeGreaterThan(15)
  expect(await read(given, 'development')).toEqual(await read({}, 'development'))
})
