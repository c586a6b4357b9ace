import { Kysely } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { createTasks, type UsersIdType } from '#db/migrations/0001-tasks'
import type { TableName } from '#db/table-name'
import type { Transport } from '#db/transports/transport'

/** Frozen once landed: a change to the schema is another entry. */
function migrations(usersTable: TableName, usersIdType: UsersIdType): Record<string, Migration> {
  return { '0001-tasks': { up: createTasks(usersTable, usersIdType) } }
}

/** The migration that this code needs; a database that has it may have later ones too. */
export const latestMigration = '0001-tasks'

/**
 * Brings the database to the latest migration. Several processes may call it at once: an advisory
 * lock lets one work, and the others find it done.
 *
 * @returns the names of the migrations that ran
 * @throws what the failing migration threw
 */
export async function migrate(
  transport: Transport,
  usersTable: TableName,
  usersIdType: UsersIdType,
): Promise<string[]> {
  const db = new Kysely<unknown>({ dialect: transport.sessions() })
  try {
    const migrator = new Migrator({
      db,
      provider: { getMigrations: async () => migrations(usersTable, usersIdType) },
    })
    const { error, results = [] } = await migrator.migrateToLatest()
    if (error !== undefined) throw error
    return results.map(({ migrationName }) => migrationName)
  } finally {
    await db.destroy()
  }
}
