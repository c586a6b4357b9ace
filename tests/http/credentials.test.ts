import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { call, listTasks } from '#tests/support/api'
import { operations } from '#tests/support/document'
import { newUser, tokenFor } from '#tests/support/tokens'

const guarded = operations.filter(({ path }) => path.startsWith('/api'))
test.each(guarded)('$method $path asks for a bearer token', async ({ method, path }) => {
  const answer = await call(method, path.replace('{userId}', newUser()).replace('{id}', '1'))
  expect(answer.status).toBe(401)
  expect(answer.problem.code).toBe('credentials_missing')
  expect(answer.headers.get('www-authenticate')).toBe('Bearer')
})

test.each(['Bearer', 'bearer', 'BEARER'])('a token counts after the scheme %s', async (scheme) => {
  const headers = { authorization: `${scheme} ${await tokenFor(newUser())}` }
  expect((await call('GET', '/api/tasks', { headers })).status).toBe(200)
})

test.each([
  ['of two users with one email address', newUser(), { email: 'one@example.com', name: 'Same' }],
  [
    'with claims that cannot be stored',
    newUser(),
    // Of random characters, for Postgres packs what repeats.
    { email: `${randomBytes(2000).toString('hex')}@example.com`, name: 'a\0' },
  ],
  ['with a subject of 255 characters', newUser().padEnd(255, '\u{20ac}'), {}],
])('a token %s is enough to store a task', async (_, user, claims) => {
  for (const as of [newUser(), user]) {
    const headers = { authorization: `Bearer ${await tokenFor(as, claims)}` }
    const answer = await call('POST', '/api/tasks', { headers, body: { title: 'x' } })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.json().user_id).toBe(as)
    expect(await listTasks(as)).toEqual([answer.json()])
  }
})
