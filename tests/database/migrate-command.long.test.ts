import { expect, inject, test } from 'vitest'
import { migrationNames } from '#db/migrate'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { runScript } from '#tests/support/script'
import { testSecret } from '#tests/support/tokens'

test('npm run db:migrate migrates and says where the database is', async () => {
  const server = postgresAt(inject('postgresPort'))
  const env = {
    DATABASE_URL: server.url(await createDatabase(server)),
    BETTER_AUTH_SECRET: testSecret,
  }
  const { code, stdout } = await runScript('db:migrate', env, [])
  expect(code).toBe(0)
  expect(stdout).toContain(`is at ${migrationNames.at(-1)}, and isolation holds.`)
})
