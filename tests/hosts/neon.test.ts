import { afterEach, expect, test } from 'vitest'
import { atEnd, newDatabase, startNeon } from '#tests/support/databases'
import type { NeonFault } from '#tests/support/neon-stand-in'
import { createAtOne, send } from '#tests/support/send'
import { startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const deadlineMs = 4000
const slackMs = 2500
const user = newUser()
const { name, url: direct, sql } = await newDatabase()
const standIn = await startNeon()
const service = await startService('node', {
  ...standIn.settings(name),
  DATABASE_TIMEOUT_MS: String(deadlineMs),
  DATABASE_POOL_SIZE: '1',
})
atEnd(() => service.stop('SIGKILL'))

afterEach(async () => {
  standIn.faults.length = 0
  expect(service.process.exitCode, service.output()).toBeNull()
  expect((await requests.list()).status).toBe(200)
})

/** Every answer comes within the deadline, whatever Neon does. */
async function ask(method: string, path: string, body?: unknown) {
  const answer = await send(service.url, method, path, user, body)
  expect(answer.durationMs, `${method} ${path}`).toBeLessThan(deadlineMs + slackMs)
  return answer
}
const requests = {
  list: () => ask('GET', '/api/tasks'),
  create: (id: string) => ask('POST', '/api/tasks', { title: `after ${id}` }),
  flip: (id: string) => ask('PATCH', `/api/tasks/${id}/complete`),
}

const failing = (status: number): NeonFault => ({ status, body: 'upstream error' })
const refusing = (message: string, code: string | null): NeonFault => ({
  ...{ status: 400, body: JSON.stringify({ message, code }) },
})
const away = refusing("Couldn't connect to compute node", null)
const wrongPassword = refusing("password authentication failed for user 'x'", '28P01')
const nothing = { rows: [], fields: [] }
const answering = (results: object[]): NeonFault => ({
  ...{ status: 200, body: JSON.stringify({ results }) },
})
const none = answering([])
const anothers = answering([nothing, nothing])
const page: NeonFault = { status: 200, body: '<!doctype html>' }
const redirect: NeonFault = { status: 307, body: '', headers: { location: '/sql' } }
const empty: NeonFault = { status: 200, body: 'null' }
const unpackable: NeonFault = { status: 200, body: '{}', headers: { 'content-encoding': 'gzip' } }
const silent: NeonFault = { delayMs: 10_000 }

/** What is answered, how often Neon is asked, and how often the database has done it. */
type Outcome = [status: number, fetches: number, times: number]
type Case = [fault: string, request: keyof typeof requests, faults: NeonFault[], ...Outcome]

/** A read is sent again, and a create, which is there once. A flip is, where it cannot have run. */
const cases: Case[] = [
  ['a compute that is away at first', 'list', [away, away], 200, 3, 0],
  ['a compute that is away at first, and busy', 'flip', [away, failing(429)], 200, 3, 1],
  ['a compute that is away', 'flip', [away, away, away], 503, 3, 0],
  ['a suspended compute that takes its time to start', 'list', [{ delayMs: 700 }], 200, 1, 0],
  ['a first attempt that gets no answer', 'list', [silent], 200, 2, 0],
  ['a compute that never answers', 'list', [silent, silent, silent], 503, 2, 0],
  ['a compute that never answers', 'flip', [silent], 503, 1, 0],
  ['an answer 502 of the proxy', 'list', [failing(502)], 200, 2, 0],
  ['an answer 502 of the proxy', 'create', [failing(502)], 201, 2, 1],
  ['an answer 502 of the proxy', 'flip', [failing(502)], 503, 1, 0],
  ['a lost answer', 'flip', ['lost answer'], 503, 1, 1],
  ['a connection that is cut', 'flip', ['cut'], 503, 1, 0],
  ['an answer without results', 'list', [none], 200, 2, 0],
  ['an answer without results', 'flip', [none], 503, 1, 0],
  ['an answer to another request', 'list', [anothers], 200, 2, 0],
  ['an answer to another request', 'create', [anothers], 201, 2, 1],
  ['an answer to another request', 'flip', [anothers], 503, 1, 0],
  ['an answer that is no JSON', 'list', [page], 200, 2, 0],
  ['an answer that is no JSON', 'flip', [page], 503, 1, 0],
  ['an answer that is null', 'list', [empty], 200, 2, 0],
  ['an answer that cannot be unpacked', 'list', [unpackable], 200, 2, 0],
  ['an answer that cannot be unpacked', 'create', [unpackable], 201, 2, 1],
  ['an answer that cannot be unpacked', 'flip', [unpackable], 503, 1, 0],
  ['a redirect, which would be sent the password', 'flip', [redirect], 503, 1, 0],
  ['a password that is wrong', 'list', [wrongPassword], 503, 1, 0],
]

test.each(cases)(
  'after %s a %s is sent again only where that harms nothing',
  async (_, request, faults, status, fetches, times) => {
    const id = await createAtOne(service.url, direct, user)
    const before = standIn.fetches
    standIn.faults.push(...faults)
    const answer = await requests[request](id)
    expect([answer.status, standIn.fetches - before]).toEqual([status, fetches])
    if (status === 503) {
      expect(answer.json()).toMatchObject({ code: 'database_unavailable' })
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
    }
    const [done] = await sql(
      `select sum(case id::text when '${id}' then version - 1 else 1 end)::int as times from tasks
      where '${id}' in (id::text, substr(title, 7))`,
    )
    expect(done).toEqual({ times })
  },
)

test('the six requests of a page go out in one round, whatever the pool of other databases has', async () => {
  standIn.faults.push(...Array.from({ length: 6 }, () => ({ delayMs: 2000 })))
  const before = standIn.fetches
  const page = Array.from({ length: 6 }, requests.list)
  await Promise.race(page)
  expect(standIn.fetches - before).toBe(6)
  const statuses = (await Promise.all(page)).map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([200]))
})
