import { newDatabase } from '#tests/support/databases'
import { type Host, startService } from '#tests/support/service'

/** Starts a service on a database of the Postgres of this run: a new one, unless one is given. */
export async function serve(host: Host, env: Record<string, string> = {}, folder?: string) {
  const databaseUrl = env['DATABASE_URL'] ?? (await newDatabase()).url
  const service = await startService(host, { ...env, DATABASE_URL: databaseUrl }, folder)
  return { ...service, databaseUrl }
}
