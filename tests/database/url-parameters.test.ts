import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { type NeonStandIn, startNeonStandIn } from '#tests/support/neon-stand-in'
import { type PostgresServer, password, runSql, startPostgres } from '#tests/support/postgres'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const look = {
  sql: 'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
  parameters: [],
}

/** A Postgres with a certificate that nobody signed, as a provider's own authority looks to Node. */
async function startWithTls(): Promise<PostgresServer> {
  const server = await startPostgres()
  const files = [join(server.folder, 'server.key'), join(server.folder, 'server.crt')] as const
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=elsewhere.test']
  execFileSync('openssl', [...request, '-days', '2', '-keyout', files[0], '-out', files[1]], {
    stdio: 'ignore',
  })
  const { uid, gid } = statSync(server.folder)
  for (const file of files) chownSync(file, uid, gid)
  await runSql(
    server.url('postgres'),
    'alter system set ssl = on',
    'select pg_reload_conf()',
    'select pg_sleep(0.3)',
  )
  return server
}

describe.skipIf(!hasOpenssl)('the parameters of a URL', () => {
  let server: PostgresServer
  let standIn: NeonStandIn

  beforeAll(async () => {
    server = await startWithTls()
    standIn = await startNeonStandIn(server.port, password)
  })
  afterAll(async () => {
    await standIn?.close()
    await server?.remove()
  })

  async function isEncrypted(parameters: string): Promise<unknown> {
    const url = `${server.url('postgres')}?${parameters}`
    const database = await openDatabase({ ...options, url })
    try {
      await database.makeReady()
      const [rows] = await database.transport.transaction([look], 5000)
      return rows?.[0]?.['ssl']
    } finally {
      await database.close()
    }
  }

  test.each([
    ['sslmode=require&channel_binding=require', true],
    ['sslmode=require', true],
    ['sslmode=prefer&channel_binding=prefer', true],
    ['sslmode=disable', false],
    ['application_name=todo&connect_timeout=10', false],
  ])('%s mean over TCP what they mean to libpq', async (parameters, expected) => {
    expect(await isEncrypted(parameters)).toBe(expected)
  })

  test('sslmode=verify-full over TCP refuses a certificate that nobody vouches for', async () => {
    await expect(isEncrypted('sslmode=verify-full')).rejects.toThrow()
  })

  test('the same URL serves Neon’s driver as it is', async () => {
    const database = await openDatabase({
      ...options,
      url: standIn.url('postgres'),
    })
    await database.makeReady()
    expect(await database.isReady()).toBe(true)
    expect(standIn.url('postgres')).toMatch(/\?sslmode=require&channel_binding=require$/)
    await database.close()
  })
})
