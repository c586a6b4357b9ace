import type { TestProject } from 'vitest/node'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, password } from '#tests/support/postgres'
import { releasePostgres, takePostgres } from '#tests/support/shared-postgres'
import { target } from '#tests/support/target'

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const server = await takePostgres()
  const standIn = await startNeonStandIn(server.port, password)
  const url = standIn.url(await createDatabase(server))
  const tearDown = await target('node', async () => ({
    DATABASE_URL: url,
    NEON_FETCH_ENDPOINT: standIn.endpoint,
  }))(project)
  return async () => {
    await tearDown?.()
    await standIn.close()
    await releasePostgres()
  }
}
