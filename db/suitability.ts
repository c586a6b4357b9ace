import { DatabaseError } from '#db/errors'
import { madeFunctions, madeTables } from '#db/schema'
import type { Row, Statement } from '#db/transports/transport'

/**
 * Makes Postgres print names and expressions of the catalogue in one way, until the transaction
 * ends. With `quote_all_identifiers` it would quote them all.
 */
export const plainNames: Statement = {
  sql: "select set_config('quote_all_identifiers', 'off', true)",
  parameters: [],
}

/** Asks what decides whether the service can use the database, whatever is in it. */
export const suitability: Statement = {
  sql: `select pg_encoding_to_char(encoding) as "encoding",
      exists (select from pg_collation where collname = 'und-x-icu'
        and collnamespace = 'pg_catalog'::regnamespace) as "hasIcu",
      current_setting('transaction_read_only') as "readOnly",
      pg_is_in_recovery() as "isStandby",
      current_setting('row_security') as "rowSecurity",
      to_regproc('todo_take_permit') is not null as "hasRun",
      to_regclass('tasks') is null as "lacksTasks", to_regclass('rate_limits') is null as "lacksLimits"
    from pg_database where datname = current_database()`,
  parameters: [],
}

/**
 * Refuses a database that the service cannot use.
 *
 * @param found the answer to `suitability`
 * @throws DatabaseError `unsuitable`, or `unavailable` if it takes no writes, which may pass
 */
export function refuseUnsuitable(found: Row | undefined): void {
  const { encoding, hasIcu, readOnly, isStandby, rowSecurity } = found ?? {}
  const { hasRun, lacksTasks, lacksLimits } = found ?? {}
  const another = `CREATE DATABASE <name> ENCODING 'UTF8' TEMPLATE template0; and name it in DATABASE_URL.`
  if (encoding !== 'UTF8') {
    throw unsuitable(
      `The encoding of the database is ${encoding}, and a task may have any character. Make another with the encoding UTF8, on a Postgres with ICU: ${another}`,
    )
  }
  if (hasIcu !== true) {
    throw unsuitable(
      'Postgres was built without ICU: the collation "und-x-icu", which sorts titles, is missing. Use a Postgres built with ICU (configure --with-icu), as packages and providers have it.',
    )
  }
  if (rowSecurity === 'off') {
    throw unsuitable(
      'The setting row_security is off, so that Postgres refuses every create. Run: ALTER ROLE <the login in DATABASE_URL> RESET row_security; ALTER DATABASE <its database> RESET row_security;',
    )
  }
  if (hasRun === true && lacksTasks === true) {
    // Another `tasks` may be found by the time that somebody runs it.
    const left = madeTables.filter((table) => table !== 'tasks')
    throw unsuitable(
      `The table tasks is gone, as after drizzle-kit push. Restore a backup, or start without tasks. For that, run as its owner: DROP TABLE IF EXISTS ${left.join(', ')}; DROP FUNCTION IF EXISTS ${madeFunctions.join(', ')};`,
    )
  }
  if (hasRun === true && lacksLimits === true) {
    throw unsuitable(
      'The table rate_limits is gone, which every request writes. Run as the owner of tasks: CREATE UNLOGGED TABLE rate_limits (user_id text PRIMARY KEY, full_at timestamptz NOT NULL); ALTER TABLE rate_limits ENABLE ROW LEVEL SECURITY;',
    )
  }
  if (readOnly === 'on') {
    throw new DatabaseError(
      isStandby === true
        ? 'The database is read-only: it is a standby. Name the primary in DATABASE_URL.'
        : 'The database is read-only. Look for default_transaction_read_only: a provider sets it when a disk is full.',
      { kind: 'unavailable', transient: false, mayHaveRun: false, sqlState: '25006' },
    )
  }
}

/** The error of a database that the service cannot use. The message says what to change. */
export function unsuitable(message: string, cause?: unknown): DatabaseError {
  const meaning = { kind: 'unsuitable', transient: false, mayHaveRun: false } as const
  return new DatabaseError(message, { ...meaning, cause })
}
