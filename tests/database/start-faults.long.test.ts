import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hasOpenssl, startPostgresWithTls } from '#tests/database/postgres-tls'
import { atEnd, newDatabase, server } from '#tests/support/databases'
import { redirectToStandIn, standInHost } from '#tests/support/neon-redirect'
import { password, postgresAt } from '#tests/support/postgres'
import { runScript } from '#tests/support/script'
import { send } from '#tests/support/send'
import { endOf, freePort, launch, listen, startService } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

const encrypted = await startPostgresWithTls()
const { url } = await newDatabase()
const nobody = postgresAt(await freePort())
const neon = (host: string) => `postgres://postgres:${password}@${host}/x?sslmode=require`
const NODE_OPTIONS = redirectToStandIn
const unknown = `postgres://postgres:${password}@nowhere.invalid:5432/postgres`

test.each([
  ['a wrong password', url.replace(password, `not-${password}`), /In a password, write #/],
  ['a database that is not there', server.url('none'), /or create it/],
  ['a port that nobody listens on', nobody.url('x'), /Start the database/],
  ['a Neon where nobody listens', neon(standInHost(nobody.port)), /Start the database/],
  ['a host that nobody knows', unknown, /not known here|could not be looked up/],
])(
  '%s is one plain line at the start and of db:migrate, with the remedy, and the service waits',
  async (_, databaseUrl, remedy) => {
    await using service = await startService('node', { DATABASE_URL: databaseUrl, NODE_OPTIONS })
    expect((await send(service.url, 'GET', '/health/ready')).status).toBe(503)
    const env = { DATABASE_URL: databaseUrl, BETTER_AUTH_SECRET: testSecret, NODE_OPTIONS }
    const { code, stderr } = await runScript('db:migrate', env, [])
    expect(code).toBe(1)
    const [line, ...more] = stderr.trim().split('\n')
    expect(more).toEqual([])
    expect(line).toMatch(remedy)
    expect(service.output().split('\n')).toContain(line)
    for (const printed of [stderr, service.output()]) expect(printed).not.toContain(password)
  },
)

const withoutPassword = `postgres://postgres@127.0.0.1:${server.port}/postgres`
const withoutTls = `${url}?sslmode=require`
const unsigned = `${encrypted.url('x')}?sslmode=verify-full`
const trusted = `${unsigned}&sslrootcert=${join(encrypted.folder, 'server.crt')}`
const elsewhere = trusted.replace('127.0.0.1', 'localhost')
/** In the place of Neon. */
const file = (name: string) => readFileSync(join(encrypted.folder, name))
const untrusted = createServer(
  hasOpenssl ? { key: file('server.key'), cert: file('server.crt') } : {},
)
const unsignedNeon = neon(standInHost(await listen(untrusted), 'tls'))
atEnd(() => untrusted.close())
const settings = [
  ['no password', withoutPassword, 'the server asks for a password, and DATABASE_URL has none'],
  ['sslmode, of a server without TLS', withoutTls, 'take sslmode out of DATABASE_URL'],
] as const
const certificates = [
  ['a certificate that nobody signed', unsigned, 'NODE_EXTRA_CA_CERTS'],
  ['a certificate of Neon that nobody signed', unsignedNeon, 'NODE_EXTRA_CA_CERTS'],
  ['a certificate for another name', elsewhere, 'its certificate is for another host name'],
] as const

test.each([...settings, ...(hasOpenssl ? certificates : [])])(
  'a DATABASE_URL with %s ends the start, with the remedy',
  async (_, databaseUrl, remedy) => {
    const service = launch('node', { DATABASE_URL: databaseUrl, PORT: '0', NODE_OPTIONS })
    expect(await endOf(service)).toBe(1)
    expect(service.output()).toContain(remedy)
    expect(service.output()).not.toContain(password)
  },
)
