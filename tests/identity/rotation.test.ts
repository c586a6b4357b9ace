import { afterAll, expect, inject, test } from 'vitest'
import { closeHere, startHere } from '#tests/support/in-process'
import { startIssuer } from '#tests/support/issuer'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { signUp } from '#tests/support/visitor'

const server = postgresAt(inject('postgresPort'))

const databaseUrl = server.url(await createDatabase(server))
const issuer = await startIssuer({ databaseUrl })
afterAll(async () => {
  await closeHere()
  await issuer.stop()
})

test('keys that Better Auth rotates are picked up without one refused request', async () => {
  await issuer.migrate()
  const { ask } = await startHere({
    DATABASE_URL: databaseUrl,
    USERS_TABLE: '"user"',
    BETTER_AUTH_URL: issuer.url,
  })
  const visitor = await signUp(issuer.url, 'anna')
  for (let rotation = 0; rotation < 3; rotation += 1) {
    const headers = { authorization: `Bearer ${await visitor.token()}` }
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => (await ask('/api/tasks', { headers })).status),
    )
    expect(new Set(answers)).toEqual(new Set([200]))
    // Better Auth makes a key when it has none, and signs with the newest.
    await issuer.pool.query('delete from jwks')
  }
})
