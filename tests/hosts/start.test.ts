import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { createBy, send } from '#tests/support/send'
import { endOf, type Host, launch, type Service, startService } from '#tests/support/service'
import { folderOf } from '#tests/support/shared'
import { newUser } from '#tests/support/tokens'
import { hasVercel } from '#tests/support/vercel-build'

const server = postgresAt(inject('postgresPort'))

/** What a host that does not start has printed. */
async function refusalOf(host: Host, env: Record<string, string>): Promise<string> {
  const refused = launch(host, { PORT: '0', ...env }, await folderOf(host))
  expect(await endOf(refused)).toBe(1)
  return refused.output()
}

test.each(['next', 'node'] as const)(
  '%s does not start without what it needs, says what to set, and exits with 1',
  async (host) => {
    const output = await refusalOf(host, { DATABASE_URL: '', BETTER_AUTH_SECRET: 'too short' })
    for (const name of ['DATABASE_URL', 'BETTER_AUTH_SECRET']) {
      expect(output).toMatch(new RegExp(`^${name} is .*Set it to`, 'm'))
    }
  },
)

const ignored = { METRICS_TOKEN: 'a token for the tests', WORKERS: '2' }
const namesBoth =
  /METRICS_TOKEN works with npm start alone\..*\nWORKERS works with npm start alone\./

test('next does not start with settings that it would ignore, and says what to do', async () => {
  expect(await refusalOf('next', { DATABASE_URL: 'pglite://', ...ignored })).toMatch(namesBoth)
})

test.skipIf(!hasVercel)('nor does a function on Vercel', async () => {
  const env = { DATABASE_URL: 'postgres://127.0.0.1:9/todo', ...ignored }
  await expect(startService('vercel', env)).rejects.toThrow(namesBoth)
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

async function start(host: Host, env: Record<string, string>): Promise<Service> {
  const url = server.url(await createDatabase(server))
  return await startService(host, { DATABASE_URL: url, RATE_LIMIT_ADDRESS: '2/3600', ...env })
}

/** Whether the service answers at another address of this machine than 127.0.0.1. */
async function answersElsewhere({ url }: Service): Promise<boolean> {
  return await fetch(`${url.replace('127.0.0.1', '127.0.0.2')}/health`).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** What requests are answered that say to come from these addresses. */
async function statusesOf({ url }: Service, addresses: string[]): Promise<number[]> {
  const statuses: number[] = []
  for (const address of addresses) {
    const headers = { 'x-forwarded-for': address }
    statuses.push((await fetch(`${url}/api/tasks`, { headers })).status)
  }
  return statuses
}

// Linux alone has 127.0.0.2 without being told.
const isLinux = process.platform === 'linux'

test('node listens on HOST alone, and RATE_LIMIT_ADDRESS counts by the peer, whatever a header says', async () => {
  await using service = await start('node', { HOST: '127.0.0.1' })
  if (isLinux) expect(await answersElsewhere(service)).toBe(false)
  const addresses = ['203.0.113.1', '203.0.113.2', '203.0.113.3']
  expect(await statusesOf(service, addresses)).toEqual([401, 401, 429])
})

test.each([
  ['node', true],
  ['next dev', false],
] as const)(
  'without HOST %s listens on every address: %s; behind a trusted proxy an IPv6 client counts by its /64',
  async (host, isEverywhere) => {
    await using service = await start(host, { TRUSTED_PROXIES: '127.0.0.1' })
    if (isLinux) expect(await answersElsewhere(service)).toBe(isEverywhere)
    const clients = ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '2001:db8::3']
    const addresses = clients.map((client) => `1.2.3.4, ${client}`)
    expect(await statusesOf(service, addresses)).toEqual([401, 401, 401, 429])
  },
)
