import type { TestProject } from 'vitest/node'
import { type PostgresServer, startPostgres } from '#tests/support/postgres'

declare module 'vitest' {
  interface ProvidedContext {
    /** The port of the Postgres that the suites share, each with databases of its own. */
    postgresPort: number
  }
}

/** Shared by every project of a run: each loads this module for itself. */
const shared = globalThis as typeof globalThis & {
  todoPostgres?: { users: number; server: Promise<PostgresServer> }
}

/** The Postgres of this run, started by whoever comes first. Give it back with `releasePostgres`. */
export async function takePostgres(): Promise<PostgresServer> {
  shared.todoPostgres ??= { users: 0, server: startPostgres() }
  shared.todoPostgres.users += 1
  return await shared.todoPostgres.server
}

/** Ends the Postgres with its last user. */
export async function releasePostgres(): Promise<void> {
  const current = shared.todoPostgres
  if (current === undefined) return
  current.users -= 1
  if (current.users > 0) return
  delete shared.todoPostgres
  await (await current.server).remove()
}

export default async function provide(project: TestProject): Promise<() => Promise<void>> {
  const server = await takePostgres()
  project.provide('postgresPort', server.port)
  return releasePostgres
}
