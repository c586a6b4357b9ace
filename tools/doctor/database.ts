import { existsSync } from 'node:fs'
import { parseConnectionUrl } from '#db/connection-url'
import type { OpenDatabase } from '#db/database'
import { isDatabaseError } from '#db/errors'
import { latestMigration } from '#db/migrate'
import { env, withoutPassword } from '#lib/config/env'
import { openFromEnvironment, setDatabase } from '#lib/service/database'
import { type Check, failed, failedAsTold, passed } from '#tools/doctor/check'
import { type Inspection, inspectTables } from '#tools/doctor/inspection'
import { isServiceReady } from '#tools/doctor/running-service'
import { migrationRemedy } from '#tools/doctor/tables'

/** The database for the later checks. Its parts are absent if it cannot be asked. */
export interface Look {
  readonly checks: readonly Check[]
  readonly opened?: OpenDatabase
  readonly inspection?: Inspection
}

const anyRemedy = 'Set DATABASE_URL to the database of your frontend, and see that it runs.'

/** Whether the database can be reached, is migrated, and keeps users apart. */
export async function checkDatabase(): Promise<Look> {
  const url = withoutPassword(env().DATABASE_URL)
  const [, folder = ''] = /^pglite:\/\/(.+)/.exec(env().DATABASE_URL) ?? []
  if (folder !== '' && !existsSync(folder)) {
    return { checks: [failed('database', `${folder} is not there yet`, 'npm run db:migrate')] }
  }
  try {
    // What is wrong with the sessions table is a check of its own.
    const opened = await openFromEnvironment(false)
    // The code that serves requests, which gives the verdict, must find it without migrating it.
    setDatabase(opened)
    const { USERS_TABLE: users, SESSIONS_TABLE: sessions, DATABASE_TIMEOUT_MS: timeoutMs } = env()
    const inspection = await inspectTables(opened.transport, { users, sessions }, timeoutMs)
    const checks = [
      passed('database', `${url} answers`),
      inspection.isMigrated
        ? passed('migrations', `the latest has run: ${latestMigration}`)
        : failed(
            'migrations',
            'the tables of this version are not there',
            migrationRemedy(inspection),
          ),
    ]
    if (!inspection.isMigrated) return { checks, opened, inspection }
    return { checks: [...checks, await checkIsolation(opened)], opened, inspection }
  } catch (error) {
    return { checks: [await explain(error, url)] }
  }
}

async function checkIsolation(opened: OpenDatabase): Promise<Check> {
  const name = 'isolation'
  try {
    return (await opened.isReady())
      ? passed(name, 'row-level security keeps users apart')
      : failed(name, 'requests would not find their tables', 'npm run db:migrate')
  } catch (error) {
    if (!isDatabaseError(error)) throw error
    const login = `"${parseConnectionUrl(env().DATABASE_URL)?.username}"`
    // On a migrated database a login needs this grant besides the role: see ADR 0051.
    const both = `; GRANT EXECUTE ON FUNCTION todo_service() TO ${login}; then start`
    const message = error.message
      .replaceAll('<the login in DATABASE_URL>', login)
      .replace('; then start', both)
    return failedAsTold(error.kind === 'not_isolated' ? name : 'readiness', message)
  }
}

async function explain(error: unknown, url: string): Promise<Check> {
  const name = 'database'
  if (isDatabaseError(error)) {
    return failedAsTold(name, `${url}: ${error.message}`, anyRemedy)
  }
  // Only one process can open a PGlite folder, and the running service has it open.
  if (await isServiceReady()) return passed(name, 'the running service has it open, and is ready')
  return failedAsTold(name, error instanceof Error ? error.message : String(error))
}
