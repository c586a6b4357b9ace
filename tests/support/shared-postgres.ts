import type { TestProject } from 'vitest/node'
import { startPostgres } from '#tests/support/postgres'

declare module 'vitest' {
  interface ProvidedContext {
    /** A Postgres server that the files of a project share; each makes databases of its own. */
    postgresUrl: string
  }
}

export default async function sharePostgres(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres()
  project.provide('postgresUrl', server.url)
  return server.stop
}
