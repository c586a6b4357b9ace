import { afterEach, expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { type Host, launch, type Service, startService } from '#tests/support/service'
import { folderOf } from '#tests/support/shared'
import { hasVercel } from '#tests/support/vercel-build'

const server = postgresAt(inject('postgresPort'))
let running: Service | undefined

afterEach(async () => {
  await running?.stop('SIGKILL')
  running = undefined
})

async function start(host: Host, env: Record<string, string>): Promise<Service> {
  const url = server.url(await createDatabase(server))
  running = await startService(host, { DATABASE_URL: url, ...env })
  return running
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
  const service = await start('node', { HOST: '127.0.0.1', RATE_LIMIT_ADDRESS: '2/3600' })
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
    const quota = { RATE_LIMIT_ADDRESS: '2/3600', TRUSTED_PROXIES: '127.0.0.1' }
    const service = await start(host, quota)
    if (isLinux) expect(await answersElsewhere(service)).toBe(isEverywhere)
    const clients = ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '2001:db8::3']
    const addresses = clients.map((client) => `1.2.3.4, ${client}`)
    expect(await statusesOf(service, addresses)).toEqual([401, 401, 401, 429])
  },
)

const ignored = { METRICS_TOKEN: 'a token for the tests', WORKERS: '2' }

test('next does not start with settings that it would ignore, and says what to do', async () => {
  const env = { PORT: '0', DATABASE_URL: 'pglite://', ...ignored }
  const refused = launch('next', env, await folderOf('next'))
  expect(await refused.ended).toBe(1)
  for (const name of Object.keys(ignored)) {
    expect(refused.output()).toContain(`${name} works with npm start alone.`)
  }
})

test.skipIf(!hasVercel)('nor does a function on Vercel', async () => {
  const env = { DATABASE_URL: 'postgres://127.0.0.1:9/todo', ...ignored }
  await expect(startService('vercel', env)).rejects.toThrow(
    /METRICS_TOKEN works with npm start alone\..*\nWORKERS works with npm start alone\./,
  )
})
