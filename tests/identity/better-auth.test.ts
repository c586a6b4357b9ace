import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { newDatabase } from '#tests/support/databases'
import { closeHere, type ServiceHere, startHere } from '#tests/support/in-process'
import { type IssuerOptions, startIssuer } from '#tests/support/issuer'
import { signUp, type Visitor } from '#tests/support/visitor'

type Credentials = (visitor: Visitor) => Promise<Record<string, string>>
/** A session is remembered for 10 seconds. */
const rememberedMs = 10_000

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const jwt: Credentials = async (visitor) => bearer(await visitor.token())
const ownRoute: Credentials = async (visitor) => bearer(await visitor.token('/api/token'))
const session: Credentials = async (visitor) => bearer(visitor.sessionToken)
const cookie: Credentials = async (visitor) => ({
  cookie: visitor.cookieHeader(),
  origin: 'http://localhost:3000',
})

const signedBy = (alg: 'RS256' | 'ES256' | 'ES512' | 'PS256') => ({
  jwks: { keyPairConfig: { alg } },
})

afterAll(closeHere)

/** Every kind of credentials, and every way to lay out the database in either order. */
test.each<
  [
    sent: string,
    credentials: Credentials,
    tables: 'user' | 'users',
    ids: 'text' | 'uuid',
    first: 'issuer' | 'service',
    jwt?: IssuerOptions['jwt'],
  ]
>([
  ['a JWT with EdDSA, as it comes', jwt, 'user', 'text', 'issuer'],
  ['a JWT with RS256', jwt, 'users', 'text', 'service', signedBy('RS256')],
  ['a JWT with ES256', jwt, 'user', 'uuid', 'issuer', signedBy('ES256')],
  ['a JWT with ES512', jwt, 'users', 'uuid', 'service', signedBy('ES512')],
  ['a JWT with PS256', jwt, 'user', 'text', 'service', signedBy('PS256')],
  ['a JWT with HS256 by custom sign', jwt, 'users', 'uuid', 'issuer', 'with the secret'],
  ['a JWT of a route', ownRoute, 'user', 'uuid', 'service'],
  // With session tokens the service starts only where the sessions are.
  ['a session token as Bearer', session, 'users', 'text', 'issuer'],
  ['a session cookie', cookie, 'user', 'text', 'issuer'],
])('two people live from sign-up to deletion with %s', async (...configuration) => {
  const [, credentials, tables, ids, first, options] = configuration
  const databaseUrl = (await newDatabase()).url
  const issuer = await startIssuer({ databaseUrl, tables, ids, ...(options && { jwt: options }) })
  onTestFinished(issuer.stop)
  if (first === 'issuer') await issuer.migrate()
  const isSession = credentials === session || credentials === cookie
  const service = await startHere({
    DATABASE_URL: databaseUrl,
    BETTER_AUTH_URL: issuer.url,
    USERS_TABLE: tables === 'user' ? '"user"' : 'users',
    USERS_ID_TYPE: ids,
    SESSIONS_TABLE: tables === 'user' ? 'session' : 'sessions',
    SESSION_TOKENS: String(isSession),
    DATABASE_POOL_SIZE: '3',
  })
  if (first === 'service') await issuer.migrate()
  const anna = await signUp(issuer.url, 'anna')
  const bert = await signUp(issuer.url, 'bert')
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
  onTestFinished(() => void vi.useRealTimers())
  if (isSession) vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + rememberedMs })
  const left = await annas('GET', '/api/tasks', isSession ? 401 : 200)
  if (!isSession) expect(left).toEqual([])
  await annas('POST', '/api/tasks', 401, { title: 'From the grave' })
  const { rows } = await issuer.pool.query('select title from tasks')
  expect(rows).toEqual([{ title: "Bert's" }])
})

function client({ send }: ServiceHere, credentials: Record<string, string>) {
  return async (method: string, path: string, status: number, content?: object) => {
    const answer = await send(method, path, credentials, content)
    expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status)
    return answer.body
  }
}
