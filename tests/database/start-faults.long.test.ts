import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { hasOpenssl, turnOnTls } from '#tests/database/postgres-tls'
import {
  createDatabase,
  type PostgresServer,
  password,
  postgresAt,
  startPostgres,
} from '#tests/support/postgres'
import { runScript } from '#tests/support/script'
import { send } from '#tests/support/send'
import { endOf, freePort, launch, startService } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const name = await createDatabase(server)
const nobody = await freePort()

const withPassword = (url: string) => url.replace(password, 'its-password')

test.each([
  ['a wrong password', withPassword(server.url(name)), /In a password, write #/],
  ['a database that is not there', server.url('none'), /or create it/],
  ['a port that nobody listens on', postgresAt(nobody).url(name), /Start the database/],
  [
    'a host that nobody knows',
    'postgres://postgres:its-password@nowhere.invalid:5432/postgres',
    /not known here|could not be looked up/,
  ],
])(
  '%s is one plain line at the start, with the remedy, as db:migrate prints it, and the service waits',
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

/** Expects that a start ends, and says this. */
async function expectEnd(url: string, remedy: string): Promise<void> {
  const service = launch('node', { DATABASE_URL: url, PORT: '0' })
  expect(await endOf(service)).toBe(1)
  expect(service.output()).toContain(remedy)
  expect(service.output()).not.toContain('its-password')
}

test.each([
  [
    'no password',
    `postgres://postgres@127.0.0.1:${server.port}/postgres`,
    'the server asks for a password, and DATABASE_URL has none',
  ],
  [
    'sslmode, of a server that does not speak TLS',
    `${withPassword(server.url(name))}?sslmode=require`,
    'take sslmode out of DATABASE_URL',
  ],
])('a DATABASE_URL with %s ends the start, with the remedy', (_, url, remedy) =>
  expectEnd(url, remedy),
)

describe.skipIf(!hasOpenssl)('a certificate', () => {
  let encrypted: PostgresServer

  beforeAll(async () => {
    encrypted = await startPostgres()
    await turnOnTls(encrypted)
  })
  afterAll(() => encrypted?.remove())

  test('that nobody signed ends the start, with the remedy', () =>
    expectEnd(`${withPassword(encrypted.url('x'))}?sslmode=verify-full`, 'NODE_EXTRA_CA_CERTS'))

  test('for another name ends the start, and says so', () => {
    const trusted = `sslmode=verify-full&sslrootcert=${join(encrypted.folder, 'server.crt')}`
    const url = `${withPassword(encrypted.url('x')).replace('127.0.0.1', 'localhost')}?${trusted}`
    return expectEnd(url, 'its certificate is for another host name')
  })
})
