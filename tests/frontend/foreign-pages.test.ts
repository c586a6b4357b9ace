import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { closeHere, type ServiceHere, startHere } from '#tests/support/in-process'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { newUser, testSecret } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const own = 'http://localhost:3000'
const token = 'a'.repeat(32)
const signature = createHmac('sha256', testSecret).update(token).digest('base64')
const cookie = `better-auth.session_token=${token}.${encodeURIComponent(signature)}`

/** What a browser adds to a request of another page than the frontend's own. */
const foreign: Record<string, string>[] = [
  { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'null', 'sec-fetch-site': 'same-origin' },
  { origin: 'http://localhost:3001', 'sec-fetch-site': 'same-site' },
  { origin: `${own}.evil.example` },
  { origin: '' },
  { origin: own, 'sec-fetch-site': 'cross-site' },
  // A link, an image or a form of another site: without a script, a read has no Origin.
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
]
/** What is good enough for a read, and for nothing more. */
const withoutOrigin: Record<string, string>[] = [
  {},
  { 'sec-fetch-site': 'same-origin' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'none' },
  { referer: `${own}/tasks` },
]

describe('with a session cookie', () => {
  let service: ServiceHere
  let databaseUrl: string
  let task: string
  const user = newUser()

  beforeAll(async () => {
    databaseUrl = server.url(await createDatabase(server))
    await runSql(
      databaseUrl,
      'create table session (token text primary key, "userId" text, "expiresAt" timestamptz)',
      `insert into session values ('${token}', '${user}', now() + interval '1 hour')`,
    )
    service = await startHere({ DATABASE_URL: databaseUrl, SESSION_TOKENS: 'true' })
    const made = await attempt('POST', '/api/tasks', { origin: own })
    task = JSON.parse(made.text).id
  })
  afterAll(closeHere)

  const everything = () => runSql(databaseUrl, 'select * from tasks order by id')
  async function attempt(method: string, path: string, headers: Record<string, string>) {
    const isRead = method === 'GET' || method === 'HEAD'
    const response = await service.ask(path, {
      method,
      headers: { cookie, ...(!isRead && { 'content-type': 'application/json' }), ...headers },
      ...(!isRead && { body: JSON.stringify({ title: 'by a foreign page' }) }),
    })
    const text = await response.text()
    return { status: response.status, text }
  }

  const reads = () => [
    ['GET', '/api/tasks'],
    ['HEAD', '/api/tasks'],
    ['GET', `/api/tasks/${task}`],
    ['GET', `/api/${user}/tasks`],
  ]
  const changes = () => [
    ['POST', '/api/tasks'],
    ['POST', `/api/${user}/tasks`],
    ['PUT', `/api/tasks/${task}`],
    ['PATCH', `/api/tasks/${task}`],
    ['PATCH', `/api/tasks/${task}/complete`],
    ['PATCH', `/api/${user}/${task}/toggle`],
    ['DELETE', `/api/tasks/${task}`],
  ]

  test.each(foreign)('a foreign page is refused on every method: %j', async (headers) => {
    const before = await everything()
    for (const [method = '', path = ''] of [...reads(), ...changes()]) {
      const answer = await attempt(method, path, headers)
      expect([method, path, answer.status]).toEqual([method, path, 401])
      if (method !== 'HEAD') expect(answer.text).toContain('allowed Origin')
    }
    expect(await everything()).toEqual(before)
  })

  test.each(withoutOrigin)(
    'without an Origin a read counts, a change does not: %j',
    async (headers) => {
      const before = await everything()
      for (const [method = '', path = ''] of reads()) {
        const { status } = await attempt(method, path, headers)
        expect([method, path, status]).toEqual([method, path, 200])
      }
      for (const [method = '', path = ''] of changes()) {
        const answer = await attempt(method, path, headers)
        expect([method, path, answer.status]).toEqual([method, path, 401])
        expect(answer.text).toContain('allowed Origin')
      }
      expect(await everything()).toEqual(before)
    },
  )

  test('a form of another site stores nothing, whatever type it claims', async () => {
    const before = await everything()
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'text/plain; application/json',
    ]
    for (const type of types) {
      for (const origin of [own, 'https://evil.example']) {
        const answer = await attempt('POST', '/api/tasks', { origin, 'content-type': type })
        expect([type, origin, answer.status]).toEqual([type, origin, origin === own ? 415 : 401])
      }
    }
    expect(await everything()).toEqual(before)
  })

  test('the frontend’s own page may read and change', async () => {
    for (const site of ['same-site', 'same-origin']) {
      const headers = { origin: own, 'sec-fetch-site': site }
      for (const [method = '', path = ''] of [...reads(), ...changes().slice(0, -1)]) {
        const { status } = await attempt(method, path, headers)
        expect([method, path, status]).toEqual([method, path, method === 'POST' ? 201 : 200])
      }
    }
    const gone = await attempt('DELETE', `/api/tasks/${task}`, { origin: own })
    expect(gone.status).toBe(204)
  })
})
