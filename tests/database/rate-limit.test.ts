import { afterEach, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { openTestDatabase, options, transports } from '#tests/support/databases'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'
import { statementsOf } from '#tests/support/statements'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const running: Service[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()))
})

test('of 300 simultaneous creates at a limit of 100, over two processes, 100 are stored and 200 refused', async () => {
  const url = server.url(await createDatabase(server))
  for (let started = 0; started < 2; started += 1) {
    running.push(await startService('node', { DATABASE_URL: url, RATE_LIMIT: '100/86400' }))
  }
  const user = newUser()
  const headers = {
    authorization: `Bearer ${await tokenFor(user)}`,
    'content-type': 'application/json',
  }
  const answers = await Promise.all(
    Array.from({ length: 300 }, async (_, index) => {
      const service = running[index % 2]
      const body = JSON.stringify({ title: `number ${index}` })
      return await fetch(`${service?.url}/api/tasks`, { method: 'POST', headers, body })
    }),
  )
  const created = answers.filter(({ status }) => status === 201)
  const refused = answers.filter(({ status }) => status === 429)
  expect([created.length, refused.length]).toEqual([100, 200])
  expect(await runSql(url, 'select count(*)::int as tasks from tasks')).toEqual([{ tasks: 100 }])

  const left = created.map(({ headers }) => /r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1])
  expect(left.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  const [first] = refused
  expect(first?.headers.get('ratelimit-policy')).toBe('"user";q=100;w=86400')
  expect(first?.headers.get('ratelimit')).toMatch(/^"user";r=0;t=\d+$/)
  const waitSeconds = Number(first?.headers.get('retry-after'))
  expect(waitSeconds).toBeGreaterThan(0)
  expect(waitSeconds).toBeLessThanOrEqual(864)
  expect(await first?.json()).toMatchObject({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    status: 429,
    code: 'rate_limited',
    'violated-policies': ['user'],
  })

  const other = { ...headers, authorization: `Bearer ${await tokenFor(newUser())}` }
  expect((await fetch(`${running[0]?.url}/api/tasks`, { headers: other })).status).toBe(200)
})

test('a request that waits for its turn is not held to what was asked for after it', async () => {
  const url = server.url(await createDatabase(server))
  const opened = await openDatabase({ ...options, url })
  await opened.prepare()
  await opened.close()
  await runSql(url, "insert into rate_limits values ('alice', now())")
  const take = "todo_take_permit('alice', 2, 86400)"
  const ahead = runSql(
    url,
    `do $$ begin
      perform from rate_limits for update;
      perform pg_sleep(0.6);
      perform ${take};
    end $$`,
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  const [waited] = await runSql(url, `select ${take} as permit`)
  await ahead
  expect(waited).toMatchObject({ permit: expect.stringMatching(/^0 /) })
})

test.each(transports)('on %s, a permit comes back with its share of the window', async (name) => {
  const opened = await openTestDatabase(name)
  await opened.database.prepare()
  const quota = { requests: 2, seconds: 2 }
  const permits: unknown[] = []
  const db = opened.database.forUser('alice', 8000, {
    quota,
    onPermit: (permit) => permits.push(permit),
  })
  const alice = statementsOf(db, 'alice')
  await alice.list()
  await alice.list()
  expect(permits).toEqual([
    { remaining: 1, resetSeconds: 1 },
    { remaining: 0, resetSeconds: 2 },
  ])
  const refusal = { kind: 'rate_limited', detail: '1' }
  await expect(alice.insert(crypto.randomUUID())).rejects.toMatchObject(refusal)
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect((await alice.list()).json).toBe('[]')
  await expect(alice.list()).rejects.toMatchObject(refusal)
  await opened.close()
})
