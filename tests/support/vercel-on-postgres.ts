import type { TestProject } from 'vitest/node'
import { createDatabase } from '#tests/support/postgres'
import { releasePostgres, takePostgres } from '#tests/support/shared-postgres'
import { target } from '#tests/support/target'
import { hasVercel } from '#tests/support/vercel-build'

export default async function setUp(
  project: TestProject,
): Promise<(() => Promise<void>) | undefined> {
  if (!hasVercel) return undefined
  const server = await takePostgres()
  const url = server.url(await createDatabase(server))
  const tearDown = await target('vercel', async () => ({
    DATABASE_URL: url,
    SERVER_TIMING: 'true',
  }))(project)
  return async () => {
    await tearDown?.()
    await releasePostgres()
  }
}
