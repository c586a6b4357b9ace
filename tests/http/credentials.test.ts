import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser, tokenFor } from '#tests/support/tokens'

const now = () => Math.floor(Date.now() / 1000)
const list = (authorization: string) => call('GET', '/api/tasks', { headers: { authorization } })

describe('a request without credentials', () => {
  test.each(['', 'Basic YTpi', 'Token abc'])('"%s" is asked for a bearer token', async (header) => {
    const answer = header === '' ? await call('GET', '/api/tasks') : await list(header)
    expect(answer.status).toBe(401)
    expect(answer.problem.code).toBe('credentials_missing')
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
  })

  test.each([
    ['GET', '/api/tasks'],
    ['POST', '/api/tasks'],
    ['GET', `/api/tasks/${crypto.randomUUID()}`],
    ['PUT', `/api/tasks/${crypto.randomUUID()}`],
    ['PATCH', `/api/tasks/${crypto.randomUUID()}`],
    ['DELETE', `/api/tasks/${crypto.randomUUID()}`],
    ['PATCH', `/api/tasks/${crypto.randomUUID()}/complete`],
    ['GET', '/api/somebody/tasks'],
    ['GET', '/api/tasks?token=abc&access_token=abc'],
  ])('%s %s is 401', async (method, path) => {
    expect((await call(method, path)).status).toBe(401)
  })
})

describe('a good token', () => {
  test.each(['Bearer', 'bearer', 'BEARER'])(
    'counts after the scheme written %s',
    async (scheme) => {
      const user = newUser()
      const task = await createTask(user)
      const answer = await list(`${scheme} ${await tokenFor(user)}`)
      expect(answer.json()).toEqual([task])
    },
  )

  test('with only sub, iat and exp is enough to store a task', async () => {
    const user = newUser()
    const task = await createTask(user)
    expect(await listTasks(user)).toEqual([task])
  })

  test('of two users with one email address serves both', async () => {
    const email = `${newUser()}@example.com`
    for (const user of [newUser(), newUser()]) {
      const token = await tokenFor(user, { email, name: 'Same Name' })
      const answer = await call('POST', '/api/tasks', {
        headers: { authorization: `Bearer ${token}` },
        body: { title: 'x' },
      })
      expect(answer.status).toBe(201)
      expect(answer.json().user_id).toBe(user)
    }
  })

  test('with claims that cannot be stored is enough to store a task', async () => {
    const user = newUser()
    // Of random characters, for Postgres packs what repeats.
    const email = `${randomBytes(2000).toString('hex')}@example.com`
    const authorization = `Bearer ${await tokenFor(user, { email, name: 'a\0' })}`
    const options = { headers: { authorization }, body: { title: 'x' } }
    const answer = await call('POST', '/api/tasks', options)
    expect(answer.status, answer.text).toBe(201)
    expect(await listTasks(user)).toEqual([answer.json()])
  })

  test('with a subject of 255 characters serves', async () => {
    const user = newUser().padEnd(255, '\u{20ac}')
    const task = await createTask(user)
    expect(await listTasks(user)).toEqual([task])
  })
})

describe('a refused token', () => {
  const user = newUser()
  const signedElsewhere = () =>
    new SignJWT({ sub: user, exp: now() + 60 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode('another secret, of 32 characters or more'))

  test('that is expired says so', async () => {
    const answer = await list(`Bearer ${await tokenFor(user, { exp: now() - 60 })}`)
    expect(answer.status).toBe(401)
    expect(answer.problem.code).toBe('token_expired')
    expect(answer.headers.get('www-authenticate')).toBe(
      'Bearer error="invalid_token", error_description="The token is expired"',
    )
  })

  test.each([
    ['signed with another secret', signedElsewhere],
    ['without a subject', () => tokenFor(user, { sub: undefined })],
    ['with an empty subject', () => tokenFor('')],
    ['without an expiry', () => tokenFor(user, { exp: undefined })],
    ['of more than 14 KiB', () => tokenFor(user, { padding: 'x'.repeat(10_800) })],
    ['that is a word', async () => 'token'],
    ['that is empty', async () => ''],
    ['followed by another', async () => `${await tokenFor(user)}, Bearer ${await tokenFor(user)}`],
  ])('%s is a 401 that says invalid', async (_, token) => {
    const answer = await list(`Bearer ${await token()}`)
    expect(answer.status).toBe(401)
    expect(answer.problem.code).toBe('token_invalid')
    expect(answer.headers.get('www-authenticate')).toMatch(
      /^Bearer error="invalid_token", error_description="The token is invalid[^"]*"$/,
    )
  })

  test('that is a session token of Better Auth is named as what it is', async () => {
    const token = `${'a'.repeat(32)}.${'b'.repeat(43)}=`
    const answer = await list(`Bearer ${token}`)
    expect(answer.status).toBe(401)
    expect(answer.problem.detail).toContain('session token, not a JWT')
  })

  test('of the asymmetric kind is a 503 while the issuer is away, so that nobody is signed out', async () => {
    const { privateKey } = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
    const token = await new SignJWT({ sub: user, exp: now() + 60 })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'k1' })
      .sign(privateKey)
    const answer = await list(`Bearer ${token}`)
    expect(answer.status).toBe(503)
    expect(answer.problem.code).toBe('keys_unavailable')
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})
