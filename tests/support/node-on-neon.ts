import type { TestProject } from 'vitest/node'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, password } from '#tests/support/postgres'
import { releasePostgres, takePostgres } from '#tests/support/shared-postgres'
import { target } from '#tests/support/target'

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const server = await takePostgres()
  const standIn = await startNeonStandIn(server.port, password)
  const settings = standIn.settings(await createDatabase(server))
  const tearDown = await target('node', async () => settings)(project)
  return async () => {
    await tearDown?.()
    await standIn.close()
    await releasePostgres()
  }
}
