import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { startIssuer } from '#tests/support/issuer'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'
import { tokenFor } from '#tests/support/tokens'
import { signUp, type Visitor } from '#tests/support/visitor'

const server = postgresAt(inject('postgresPort'))

const databaseUrl = server.url(await createDatabase(server))
const issuer = await startIssuer({ databaseUrl })
let service: Service
let visitor: Visitor

beforeAll(async () => {
  await issuer.migrate()
  service = await start()
  visitor = await signUp(issuer.url, 'anna')
})
afterAll(async () => {
  await service.stop('SIGKILL')
})

const start = () =>
  startService('node', {
    DATABASE_URL: databaseUrl,
    USERS_TABLE: '"user"',
    BETTER_AUTH_URL: issuer.url,
  })

async function statusOf(token: string, { url } = service): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  return (await fetch(`${url}/api/tasks`, { headers })).status
}

test('keys that Better Auth rotates are picked up without one refused request', async () => {
  for (let rotation = 0; rotation < 3; rotation += 1) {
    const token = await visitor.token()
    const answers = await Promise.all(Array.from({ length: 20 }, () => statusOf(token)))
    expect(new Set(answers)).toEqual(new Set([200]))
    // Better Auth makes a key when it has none, and signs with the newest.
    await issuer.pool.query('delete from jwks')
  }
})

test('while the issuer is away known keys serve on, and unknown ones are a 503', async () => {
  expect(await statusOf(await visitor.token())).toBe(200)
  // Within one second Better Auth signs the same token, which would be remembered.
  await sleep(1000)
  const token = await visitor.token()
  await issuer.stop()
  const other = await start()
  try {
    expect(await statusOf(token)).toBe(200)
    expect(await statusOf(token, other)).toBe(503)
    expect(await statusOf(await tokenFor(visitor.id), other)).toBe(200)
  } finally {
    await other.stop()
  }
})
