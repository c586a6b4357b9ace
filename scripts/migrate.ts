/** `npm run db:migrate` brings the database of `DATABASE_URL` to the latest migration. */
import { latestMigration } from '#db/migrate'
import { closeDatabase, database } from '#lib/database'
import { env, withoutPassword } from '#lib/env'
import { loadEnvFiles } from '#lib/env-files'

loadEnvFiles(true)
try {
  await database()
  console.log(
    `${withoutPassword(env().DATABASE_URL)} is at ${latestMigration}, and isolation holds.`,
  )
  await closeDatabase()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
