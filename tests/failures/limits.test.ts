import { expect, test } from 'vitest'
import { host } from '#tests/failures/world'
import { runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { newUser } from '#tests/support/tokens'

test('of 300 simultaneous creates at a limit of 100, over two processes, 100 are stored and 200 refused', async () => {
  const RATE_LIMIT = '100/86400'
  await using one = await serve(host, { RATE_LIMIT })
  await using other = await serve(host, { RATE_LIMIT, DATABASE_URL: one.databaseUrl })
  const user = newUser()
  const creating = Array.from({ length: 150 }, () =>
    [one, other].map((service) => send(service.url, 'POST', '/api/tasks', user, { title: 'x' })),
  )
  const answers = await Promise.all(creating.flat())
  const created = answers.filter(({ status }) => status === 201)
  const refused = answers.filter(({ status }) => status === 429)
  expect([created.length, refused.length]).toEqual([100, 200])
  expect(await runSql(one.databaseUrl, 'select from tasks')).toHaveLength(100)

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
  await using service = await serve(host, {
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
