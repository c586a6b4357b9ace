import { afterAll, expect, inject, onTestFinished, test, vi } from 'vitest'
import { closeHere, type ServiceHere, startHere } from '#tests/support/in-process'
import { type IssuerOptions, startIssuer } from '#tests/support/issuer'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { signUp, type Visitor } from '#tests/support/visitor'

const server = postgresAt(inject('postgresPort'))

/** A session is remembered for 10 seconds. */
const rememberedMs = 10_000

type Credentials = (visitor: Visitor) => Promise<Record<string, string>>

export interface Configuration extends Omit<IssuerOptions, 'databaseUrl'> {
  readonly tables: 'user' | 'users'
  readonly ids: 'text' | 'uuid'
  readonly first: 'issuer' | 'service'
  readonly credentials: Credentials
}

export const jwtPlugin: Credentials = async (visitor) => bearer(await visitor.token())
export const ownRoute: Credentials = async (visitor) => bearer(await visitor.token('/api/token'))
export const sessionBearer: Credentials = async (visitor) => bearer(visitor.sessionToken)
export const sessionCookie: Credentials = async (visitor) => ({
  cookie: visitor.cookieHeader(),
  origin: 'http://localhost:3000',
})
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Two people live with Better Auth and the service, from sign-up to deletion, as each is configured. */
export function testJourneys(configurations: Record<string, Configuration>): void {
  afterAll(closeHere)

  test.each(
    Object.entries(configurations).map(([name, configuration], index) => ({
      name,
      index,
      ...configuration,
      title: `${name}; ${configuration.tables}, ${configuration.ids} ids, ${configuration.first} first`,
    })),
  )('from sign-up to deletion: $title', async ({ index, first, credentials, ...options }) => {
    const databaseUrl = server.url(await createDatabase(server))
    const issuer = await startIssuer({ databaseUrl, ...options })
    onTestFinished(issuer.stop)
    if (first === 'issuer') await issuer.migrate()
    const service = await startHere({
      DATABASE_URL: databaseUrl,
      BETTER_AUTH_URL: issuer.url,
      USERS_TABLE: options.tables === 'user' ? '"user"' : 'users',
      USERS_ID_TYPE: options.ids,
      SESSIONS_TABLE: options.tables === 'user' ? 'session' : 'sessions',
      SESSION_TOKENS: String(options.name.startsWith('session')),
      DATABASE_POOL_SIZE: '3',
    })
    if (first === 'service') await issuer.migrate()
    await liveThrough(service, issuer.url, credentials)
    const { rows } = await issuer.pool.query('select title from tasks')
    expect(rows).toEqual([{ title: "Bert's" }])
  })
}

/** Two people use the service; the first leaves. */
async function liveThrough(service: ServiceHere, issuerUrl: string, credentials: Credentials) {
  const anna = await signUp(issuerUrl, 'anna')
  const bert = await signUp(issuerUrl, 'bert')
  const annas = client(service, await credentials(anna))
  const berts = client(service, await credentials(bert))

  const task = await annas('POST', '/api/tasks', 201, { title: 'Buy milk', description: 'Two' })
  expect(task).toMatchObject({ user_id: anna.id, title: 'Buy milk', completed: false })
  const path = `/api/tasks/${task.id}`
  expect(await annas('GET', `/api/${anna.id}/tasks`, 200)).toEqual([task])
  expect(await annas('PATCH', `${path}/complete`, 200)).toMatchObject({ completed: true })

  expect(await berts('GET', '/api/tasks', 200)).toEqual([])
  await berts('DELETE', path, 404)
  await berts('GET', `/api/${anna.id}/tasks`, 403)
  const other = await berts('POST', '/api/tasks', 201, { title: "Bert's" })
  await annas('GET', `/api/tasks/${other.id}`, 404)

  await annas('DELETE', path, 204)
  await annas('GET', path, 404)
  await annas('POST', '/api/tasks', 201, { title: 'Left behind' })
  await anna.deleteAccount()
  // A session ends with the account. A JWT lives on, for an account that has and gets no task.
  const isSession = (await credentials(bert))['authorization']?.split('.').length !== 3
  onTestFinished(() => void vi.useRealTimers())
  if (isSession) vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + rememberedMs })
  const left = await annas('GET', '/api/tasks', isSession ? 401 : 200)
  if (!isSession) expect(left).toEqual([])
  await annas('POST', '/api/tasks', 401, { title: 'From the grave' })
}

function client({ ask }: ServiceHere, headers: Record<string, string>) {
  return async (method: string, path: string, status: number, body?: unknown) => {
    const response = await ask(path, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    expect(response.status, `${method} ${path}: ${text}`).toBe(status)
    return text === '' ? undefined : JSON.parse(text)
  }
}
