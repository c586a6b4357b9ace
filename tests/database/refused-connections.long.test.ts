import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createDatabase, password, postgresAt, runSql } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { endOf, launch, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const folder = mkdtempSync(join(tmpdir(), 'todo-certificate-'))
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
afterAll(() => rmSync(folder, { recursive: true }))

/** What a start prints that ends, with its exit code. */
async function failedStart(url: string) {
  const service = launch('node', { DATABASE_URL: url, PORT: '0' })
  return { code: await endOf(service), printed: service.output() }
}

describe('a start that cannot connect says why and what to do, and nothing secret', () => {
  test('where DATABASE_URL has no password', async () => {
    const { code, printed } = await failedStart(
      `postgres://postgres@127.0.0.1:${server.port}/postgres`,
    )
    expect(printed).toContain('the server asks for a password, and DATABASE_URL has none')
    expect(code).toBe(1)
  })

  test('where the server does not speak TLS', async () => {
    const { code, printed } = await failedStart(`${server.url('postgres')}?sslmode=require`)
    expect(printed).toContain('does not speak TLS')
    expect(printed).toContain('take sslmode out of DATABASE_URL')
    expect(printed).not.toContain(password)
    expect(code).toBe(1)
  })

  describe.skipIf(!hasOpenssl)('where the certificate of the server', () => {
    let port: number
    const listener = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => upgrade(socket))
    })
    function upgrade(socket: Socket) {
      socket.write('S')
      const [key, cert] = ['key', 'cert'].map((name) => readFileSync(join(folder, name)))
      const secure = new TLSSocket(socket, { isServer: true, key, cert })
      secure.on('error', () => {})
    }

    beforeAll(async () => {
      const out = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')]
      const subject = ['-subj', '/CN=elsewhere', '-days', '1']
      const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
      execFileSync('openssl', ['req', ...kind, ...subject, ...out], { stdio: 'ignore' })
      listener.listen(0, '127.0.0.1')
      await once(listener, 'listening')
      const address = listener.address()
      port = typeof address === 'object' && address !== null ? address.port : 0
    })
    afterAll(() => listener.close())

    test.each([
      ['is self-signed', 'sslmode=verify-full', 'NODE_EXTRA_CA_CERTS'],
      [
        'is for another name',
        `sslmode=verify-full&sslrootcert=${join(folder, 'cert')}`,
        'its certificate is for another host name',
      ],
    ])('%s', async (_, parameters, remedy) => {
      const url = `postgres://u:${password}@127.0.0.1:${port}/x?${parameters}`
      const { code, printed } = await failedStart(url)
      expect(printed).toContain(remedy)
      expect(printed).not.toContain(password)
      expect(code).toBe(1)
    })
  })

  test('where the host is unknown, in the log, and goes on trying', async () => {
    const secret = 'a-secret-of-its-own'
    const service = await startService('node', {
      DATABASE_URL: `postgres://postgres:${secret}@nowhere.invalid:5432/postgres`,
    })
    await service.stop()
    await expect.poll(() => service.output()).toContain('database_away_at_start')
    await expect.poll(() => service.output()).toMatch(/not known here|could not be looked up/)
    expect(service.output()).not.toContain(secret)
  })
})

test('a database that takes no connections any more (55000) is a 503, and serves again later', async () => {
  const name = await createDatabase(server)
  const user = newUser()
  await using service = await startService('node', { DATABASE_URL: server.url(name) })
  expect((await send(service.url, 'GET', '/api/tasks', user)).status).toBe(200)
  const allow = (isAllowed: boolean) =>
    runSql(
      server.url('postgres'),
      `alter database ${name} with allow_connections ${isAllowed}`,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
    )
  await allow(false)
  const refused = await send(service.url, 'GET', '/api/tasks', user)
  await allow(true)
  expect(refused.status).toBe(503)
  expect(refused.json()).toMatchObject({ code: 'database_unavailable' })
  expect((await send(service.url, 'GET', '/api/tasks', user)).status).toBe(200)
})
