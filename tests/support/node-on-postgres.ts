import type { TestProject } from 'vitest/node'
import { createDatabase } from '#tests/support/postgres'
import { releasePostgres, takePostgres } from '#tests/support/shared-postgres'
import { target } from '#tests/support/target'

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const server = await takePostgres()
  const url = server.url(await createDatabase(server))
  const tearDown = await target('node', async () => ({
    DATABASE_URL: url,
    SERVER_TIMING: 'true',
  }))(project)
  return async () => {
    await tearDown?.()
    await releasePostgres()
  }
}
