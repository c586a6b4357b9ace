import { inject } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { type Host, startService } from '#tests/support/service'

/** Starts a service on a new database of the Postgres of this run, which is at `databaseUrl`. */
export async function serve(host: Host, env: Record<string, string> = {}, folder?: string) {
  const server = postgresAt(inject('postgresPort'))
  const databaseUrl = server.url(await createDatabase(server))
  const service = await startService(host, { DATABASE_URL: databaseUrl, ...env }, folder)
  return { ...service, databaseUrl }
}
