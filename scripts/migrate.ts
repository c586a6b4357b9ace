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

/** An outage with what the network said, and where: a log of a build has nothing else to go by. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!isOutage(error)) return error.message
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${withoutPassword(env().DATABASE_URL)}: ${error.message}${cause}`
}
