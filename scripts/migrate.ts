/** `npm run db:migrate` brings the database of `DATABASE_URL` to the latest migration. */
import { latestMigration } from '#db/migrate'
import { env, withoutPassword } from '#lib/config/env'
import { loadEnvFiles } from '#lib/config/env-files'
import { closeDatabase, database } from '#lib/service/database'
import { explainOpening } from '#lib/service/outage'

loadEnvFiles(true)
try {
  await database()
  console.log(
    `${withoutPassword(env().DATABASE_URL)} is at ${latestMigration}, and isolation holds.`,
  )
  await closeDatabase()
} catch (error) {
  console.error(explainOpening(error))
  process.exit(1)
}
