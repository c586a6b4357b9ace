import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { faultInConnectionUrl } from '#db/connection-url'
import { hasOpenssl, startPostgresWithTls } from '#tests/database/postgres-tls'
import { newDatabase, start, startNeon } from '#tests/support/databases'
import { password } from '#tests/support/postgres'
import { runScript } from '#tests/support/script'
import { testSecret } from '#tests/support/tokens'

/** The first row of a statement that the service sends once it is ready. */
async function ask(url: string, sql: string): Promise<unknown> {
  const { transport } = await start(url)
  const [rows] = await transport.transaction([{ sql, parameters: [] }], 5000)
  return rows?.[0]
}

test('the URL of Neon with sslrootcert=system serves its driver, for requests and for migrations', async () => {
  const neon = await startNeon()
  const url = `${neon.url((await newDatabase()).name)}&sslrootcert=system`
  expect(await ask(url, 'select 1 as one')).toEqual({ one: 1 })
})

describe.skipIf(!hasOpenssl)('the parameters of a URL', async () => {
  const server = await startPostgresWithTls()

  test.each([
    ['sslmode=require&channel_binding=require', true],
    ['sslmode=require', true],
    ['sslmode=no-verify', true],
    ['sslmode=no-verify&uselibpqcompat=true', true],
    ['sslmode=prefer&channel_binding=prefer', true],
    ['sslmode=disable', false],
    ['application_name=todo&connect_timeout=10', false],
  ])('%s mean over TCP what they mean to libpq', async (parameters, ssl) => {
    const look = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'
    expect(await ask(`${server.url('postgres')}?${parameters}`, look)).toEqual({ ssl })
  })

  test.each([
    ['the certificate', '127.0.0.1', true, ''],
    ['the certificate, and of no sslmode', '127.0.0.1', true, 'sslmode=require'],
    ['another one', '127.0.0.1', false, ''],
    ['the certificate, for another name', 'localhost', true, 'sslmode=require'],
  ])('sslrootcert=system on a machine that trusts %s', async (_, host, isTrusted, mode) => {
    const url = `${server.url('postgres')}?sslrootcert=system&${mode}`.replace('127.0.0.1', host)
    const trusted = isTrusted ? join(server.folder, 'server.crt') : '/dev/null'
    const env = { DATABASE_URL: url, BETTER_AUTH_SECRET: testSecret, SSL_CERT_FILE: trusted }
    const { code, stderr } = await runScript('db:migrate', env, [])
    const isRight = isTrusted && host === '127.0.0.1'
    expect({ code, stderr }).toEqual({
      code: isRight ? 0 : 1,
      stderr: isRight ? '' : expect.stringContaining('certificate'),
    })
  })

  test('a Unix socket is named by a parameter or by the host, with and without a login before it', async () => {
    const { folder, port } = server
    const place = `host=${folder}&port=${port}`
    const login = `postgres:${password}`
    for (const url of [
      `postgres:///postgres?${place}&user=postgres&password=${password}`,
      `postgres://${login}@/postgres?${place}`,
      `postgres://${login}@/postgres?${place}&sslmode=require`,
      `postgres://${login}@localhost/postgres?${place}`,
      `postgres://${login}@${encodeURIComponent(folder)}:${port}/postgres`,
    ]) {
      expect(faultInConnectionUrl(url), url).toBeUndefined()
      const client = await ask(url, 'select inet_client_addr() as client')
      expect(client, url).toEqual({ client: null })
    }
  })
})
