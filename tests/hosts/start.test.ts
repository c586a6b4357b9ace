import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { createBy, send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { endOf, launch, startService } from '#tests/support/service'
import { folderOf } from '#tests/support/shared'
import { newUser } from '#tests/support/tokens'
import { hasVercel } from '#tests/support/vercel-build'

const ignored = {
  DATABASE_URL: 'postgres://127.0.0.1:9/todo',
  METRICS_TOKEN: 'a token for the tests',
  WORKERS: '2',
}
const namesBoth =
  /METRICS_TOKEN works with npm start alone\..*\nWORKERS works with npm start alone\./
const lacking = { DATABASE_URL: '', BETTER_AUTH_SECRET: 'too short' }

test.each([
  ['without what it needs', lacking, [/^DATABASE_URL is .*Set/m, /^BETTER_AUTH_SECRET is .*Set/m]],
  ['with settings that it would ignore', ignored, [namesBoth]],
])('next does not start %s, says what to do, and exits with 1', async (_, env, says) => {
  const refused = launch('next', { PORT: '0', ...env }, await folderOf('next'))
  expect(await endOf(refused)).toBe(1)
  for (const each of says) expect(refused.output()).toMatch(each)
})

test.skipIf(!hasVercel)('nor does a function on Vercel', async () => {
  await expect(startService('vercel', ignored)).rejects.toThrow(namesBoth)
})

test.each(['next', 'node'] as const)(
  '%s keeps its tasks in the folder of pglite://<folder> over a restart',
  async (host) => {
    const env = { DATABASE_URL: `pglite://${join(inject('runFolder'), `kept-by-${host}`)}` }
    const user = newUser()
    const first = await startService(host, env)
    const id = await createBy(first.url, user)
    await first.stop()
    await using second = await startService(host, env)
    const listed = await send(second.url, 'GET', '/api/tasks', user)
    expect(listed.json()).toMatchObject([{ id, title: 'Buy milk' }])
  },
)

const proxied = { TRUSTED_PROXIES: '127.0.0.1' }
const clients = ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '2001:db8::3']
const forwarded = clients.map((client) => `1.2.3.4, ${client}`)

test.each([
  ['node', 'HOST', { HOST: '127.0.0.1' }, clients, [401, 401, 429, 429], false],
  ['node', 'TRUSTED_PROXIES', proxied, forwarded, [401, 401, 401, 429], true],
  ['next dev', 'TRUSTED_PROXIES', proxied, forwarded, [401, 401, 401, 429], false],
] as const)(
  '%s with %s counts addresses by the peer, or an IPv6 client by its /64, and listens where it should',
  async (...row) => {
    const [host, , env, addresses, statuses, isEverywhere] = row
    await using service = await serve(host, { RATE_LIMIT_ADDRESS: '2/3600', ...env })
    const found: number[] = []
    for (const address of addresses) {
      const headers = { 'x-forwarded-for': address }
      found.push((await fetch(`${service.url}/api/tasks`, { headers })).status)
    }
    expect(found).toEqual(statuses)
    // Linux alone has 127.0.0.2 without being told.
    if (process.platform !== 'linux') return
    const elsewhere = fetch(`${service.url.replace('127.0.0.1', '127.0.0.2')}/health`)
    expect(await elsewhere.then(({ ok }) => ok).catch(() => false)).toBe(isEverywhere)
  },
)
