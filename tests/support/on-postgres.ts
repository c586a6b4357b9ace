import type { TestProject } from 'vitest/node'
import { createDatabase } from '#tests/support/postgres'
import type { Host } from '#tests/support/service'
import { releasePostgres, takePostgres } from '#tests/support/shared-postgres'
import { target } from '#tests/support/target'

/** Sets up a host on a database of its own in the Postgres of this run. */
export function onPostgres(host: Host) {
  return async (project: TestProject): Promise<() => Promise<void>> => {
    const server = await takePostgres()
    const url = server.url(await createDatabase(server))
    const tearDown = await target(host, async () => ({ DATABASE_URL: url }))(project)
    return async () => {
      await tearDown?.()
      await releasePostgres()
    }
  }
}
