import { expect, inject, test } from 'vitest'
import { host } from '#tests/failures/world'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

test('of 300 simultaneous creates at a limit of 100, over two processes, 100 are stored and 200 refused', async () => {
  const url = server.url(await createDatabase(server))
  const env = { DATABASE_URL: url, RATE_LIMIT: '100/86400' }
  await using one = await startService(host, env)
  await using other = await startService(host, env)
  const user = newUser()
  const creating = Array.from({ length: 150 }, () =>
    [one, other].map((service) => send(service.url, 'POST', '/api/tasks', user, { title: 'x' })),
  )
  const answers = await Promise.all(creating.flat())
  const created = answers.filter(({ status }) => status === 201)
  const refused = answers.filter(({ status }) => status === 429)
  expect([created.length, refused.length]).toEqual([100, 200])
  expect(await runSql(url, 'select from tasks')).toHaveLength(100)

  const left = created.map(({ headers }) => /r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1])
  expect(left.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  const [first] = refused
  expect(first?.headers.get('ratelimit-policy')).toBe('"user";q=100;w=86400')
  expect(first?.headers.get('ratelimit')).toMatch(/^"user";r=0;t=\d+$/)
  const waitSeconds = Number(first?.headers.get('retry-after'))
  expect(waitSeconds).toBeGreaterThan(0)
  expect(waitSeconds).toBeLessThanOrEqual(864)
  expect(first?.json()).toMatchObject({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    'violated-policies': ['user'],
  })
  const others = await send(one.url, 'GET', '/api/tasks', newUser())
  expect(others.headers.get('ratelimit')).toMatch(/^"user";r=9\d;t=\d+$/)
  const withoutPermit = await send(one.url, 'GET', '/api/tasks')
  expect(withoutPermit.headers.has('ratelimit-policy')).toBe(false)
})

test('an address that used up RATE_LIMIT_ADDRESS is refused on every path, and no other address', async () => {
  await using service = await startService(host, {
    DATABASE_URL: server.url(await createDatabase(server)),
    RATE_LIMIT_ADDRESS: '4/86400',
    TRUSTED_PROXIES: '127.0.0.1',
  })
  const list = (path: string, from: string) =>
    send(service.url, 'GET', path, undefined, undefined, { 'x-forwarded-for': from })
  const paths = ['/api/tasks', '/api/tasks/x', '/api/a/tasks', '/api/a/b/']
  for (const path of paths) expect((await list(path, '198.51.100.7')).status).toBe(401)
  for (const path of paths) {
    const refused = await list(path, '198.51.100.7')
    expect(refused.status).toBe(429)
    expect(refused.headers.get('ratelimit')).toMatch(/^"address";r=0;t=\d+$/)
    expect(refused.json()).toMatchObject({ 'violated-policies': ['address'] })
  }
  expect((await list('/health', '198.51.100.7')).status).toBe(200)
  expect((await list('/api/tasks', '198.51.100.8')).status).toBe(401)
})

test('queries of thousands of parameters keep nobody else waiting', async () => {
  const url = server.url(await createDatabase(server))
  await using service = await startService(host, { DATABASE_URL: url, RATE_LIMIT: 'off' })
  const parameters = Array.from({ length: 3_500 }, (_, index) => `a${index % 10}=`).join('&')
  const user = newUser()
  let isOver = false
  const attack = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const answer = await send(service.url, 'GET', `/api/tasks?limit=0&${parameters}`, user)
      expect(answer.status).toBe(422)
    }
  })
  const durations: number[] = []
  for (let round = 0; round < 15; round += 1) {
    durations.push((await send(service.url, 'GET', '/health')).durationMs)
  }
  isOver = true
  await Promise.all(attack)
  // A busy machine is allowed for: without a bound, half of them took longer than a second.
  expect(durations.sort((a, b) => a - b)[7]).toBeLessThan(500)
})
