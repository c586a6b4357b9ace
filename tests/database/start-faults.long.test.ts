import { expect, inject, test } from 'vitest'
import { createDatabase, password, postgresAt } from '#tests/support/postgres'
import { runScript } from '#tests/support/script'
import { send } from '#tests/support/send'
import { freePort, startService } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const name = await createDatabase(server)
const nobody = await freePort()

test.each([
  [
    'a wrong password',
    server.url(name).replace(password, 'its-password'),
    /In a password, write #/,
  ],
  ['a database that is not there', server.url('none'), /or create it/],
  ['a port that nobody listens on', postgresAt(nobody).url(name), /Start the database/],
])(
  '%s is one plain line at the start, with the remedy, as db:migrate prints it',
  async (_, url, remedy) => {
    const env = { DATABASE_URL: url, BETTER_AUTH_SECRET: testSecret }
    await using service = await startService('node', env)
    expect((await send(service.url, 'GET', '/health/ready')).status).toBe(503)
    const migrated = await runScript('db:migrate', env, [])
    expect(migrated.code).toBe(1)
    expect(migrated.stderr.trim()).toMatch(remedy)
    expect(migrated.stderr.trim()).not.toContain('\n')
    expect(service.output().split('\n')).toContain(migrated.stderr.trim())
    expect(service.output() + migrated.stderr).not.toContain('its-password')
  },
)
