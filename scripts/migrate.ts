/** `npm run db:migrate` brings the database of `DATABASE_URL` to the latest migration. */
import { latestMigration } from '#db/migrate'
import { env, withoutPassword } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'
import { closeDatabase, database, isOutage } from '#lib/service/database'

loadEnvFiles(true)
try {
  await database()
  console.log(
    `${withoutPassword(env().DATABASE_URL)} is at ${latestMigration}, and isolation holds.`,
  )
  await closeDatabase()
} catch (error) {
  console.error(explain(error))
  process.exit(1)
}

/**
 * The message of an error. For an outage it names the database and has the network's own message,
 * because the reader of a build log cannot ask the database.
 */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!isOutage(error)) return error.message
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${withoutPassword(env().DATABASE_URL)}: ${error.message}${cause}`
}
