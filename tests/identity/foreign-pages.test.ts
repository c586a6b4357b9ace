import { createHmac } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import { newDatabase } from '#tests/support/databases'
import { closeHere, startHere } from '#tests/support/in-process'
import { runSql } from '#tests/support/postgres'
import { newUser, testSecret } from '#tests/support/tokens'

const own = 'http://localhost:3000'
const evil = 'https://evil.example'
const token = 'a'.repeat(32)
const signature = createHmac('sha256', testSecret).update(token).digest('base64')
const cookie = `better-auth.session_token=${token}.${encodeURIComponent(signature)}`
const user = newUser()

const databaseUrl = (await newDatabase()).url
await runSql(
  databaseUrl,
  'create table session (token text primary key, "userId" text, "expiresAt" timestamptz)',
  `insert into session values ('${token}', '${user}', now() + interval '1 hour')`,
)
const service = await startHere({ DATABASE_URL: databaseUrl, SESSION_TOKENS: 'true' })
afterAll(closeHere)

const isRead = (method: string) => method === 'GET' || method === 'HEAD'

const attempt = (method: string, path: string, headers: Record<string, string>) => {
  const content = isRead(method) ? undefined : { title: 'by a foreign page' }
  return service.send(method, path, { cookie, ...headers }, content)
}

/** Every request, about a new task, with what it is answered where its credentials count. */
async function everyRequest(): Promise<[method: string, path: string, status: number][]> {
  const { body } = await attempt('POST', '/api/tasks', { origin: own })
  const task = body.id
  return [
    ['GET', '/api/tasks', 200],
    ['HEAD', '/api/tasks', 200],
    ['GET', `/api/tasks/${task}`, 200],
    ['GET', `/api/${user}/tasks`, 200],
    ['POST', '/api/tasks', 201],
    ['POST', `/api/${user}/tasks`, 201],
    ['PUT', `/api/tasks/${task}`, 200],
    ['PATCH', `/api/tasks/${task}`, 200],
    ['PATCH', `/api/tasks/${task}/complete`, 200],
    ['PATCH', `/api/${user}/${task}/toggle`, 200],
    ['DELETE', `/api/tasks/${task}`, 204],
  ]
}
const everything = () => runSql(databaseUrl, 'select * from tasks order by id')

/** What a browser adds to a request, and whether it is good enough for a read. */
test.each<[Record<string, string>, counts: 'no request' | 'a read']>([
  [{ origin: evil, 'sec-fetch-site': 'cross-site' }, 'no request'],
  [{ origin: evil }, 'no request'],
  [{ origin: 'null' }, 'no request'],
  [{ origin: 'null', 'sec-fetch-site': 'same-origin' }, 'no request'],
  [{ origin: 'http://localhost:3001', 'sec-fetch-site': 'same-site' }, 'no request'],
  [{ origin: `${own}.evil.example` }, 'no request'],
  [{ origin: '' }, 'no request'],
  [{ origin: own, 'sec-fetch-site': 'cross-site' }, 'no request'],
  // A link, an image or a form of another site: without a script, a read has no Origin.
  [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 'no request'],
  [{}, 'a read'],
  [{ 'sec-fetch-site': 'same-origin' }, 'a read'],
  [{ 'sec-fetch-site': 'same-site' }, 'a read'],
  [{ 'sec-fetch-site': 'none' }, 'a read'],
  [{ referer: `${own}/tasks` }, 'a read'],
])('with a session cookie and %j counts %s, and no change', async (headers, counts) => {
  const requests = await everyRequest()
  const before = await everything()
  for (const [method, path, status] of requests) {
    const isTaken = counts === 'a read' && isRead(method)
    const answer = await attempt(method, path, headers)
    expect([method, path, answer.status]).toEqual([method, path, isTaken ? status : 401])
    if (!isTaken && method !== 'HEAD') expect(answer.text).toContain('allowed Origin')
  }
  expect(await everything()).toEqual(before)
})

test('a form of another site stores nothing, whatever type it claims', async () => {
  const before = await everything()
  const types = ['text/plain', 'application/x-www-form-urlencoded', 'text/plain; application/json']
  for (const type of types) {
    for (const origin of [own, evil]) {
      const answer = await attempt('POST', '/api/tasks', { origin, 'content-type': type })
      expect([type, origin, answer.status]).toEqual([type, origin, origin === own ? 415 : 401])
    }
  }
  expect(await everything()).toEqual(before)
})

test.each(['same-site', 'same-origin'])('the frontend’s page, %s, may do all', async (site) => {
  for (const [method, path, status] of await everyRequest()) {
    const answer = await attempt(method, path, { origin: own, 'sec-fetch-site': site })
    expect([method, path, answer.status]).toEqual([method, path, status])
  }
})
