import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { atEnd } from '#tests/support/databases'
import { type PostgresServer, runSql, startPostgres } from '#tests/support/postgres'

/** Whether a certificate can be made here. Tests of TLS skip without it. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/**
 * A Postgres of its own, until `atEnd`. Where a certificate can be made, it has one that nobody
 * signed, for another name and 127.0.0.1.
 */
export async function startPostgresWithTls(): Promise<PostgresServer> {
  const server = await startPostgres()
  atEnd(server.remove)
  if (!hasOpenssl) return server
  const files = [join(server.folder, 'server.key'), join(server.folder, 'server.crt')] as const
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=elsewhere.test']
  const address = ['-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  const target = ['-keyout', files[0], '-out', files[1]]
  execFileSync('openssl', [...request, ...address, ...target], { stdio: 'ignore' })
  const { uid, gid } = statSync(server.folder)
  for (const file of files) chownSync(file, uid, gid)
  await runSql(server.url('postgres'), 'alter system set ssl = on', 'select pg_reload_conf()')
  const encrypted = `${server.url('postgres')}?sslmode=require&uselibpqcompat=true`
  const isEncrypted = () => runSql(encrypted, 'select 1').then(() => true, String)
  while ((await isEncrypted()) !== true) await sleep(50)
  return server
}
