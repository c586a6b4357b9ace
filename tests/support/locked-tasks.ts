import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { runSql } from '#tests/support/postgres'

/** Holds what a statement locks. @returns what lets it go */
export async function hold(databaseUrl: string, statement: string): Promise<() => Promise<void>> {
  const holder = new Client({ connectionString: databaseUrl })
  await holder.connect()
  await holder.query(`begin; ${statement}`)
  return () => holder.end()
}

/** Holds every statement on tasks up. @returns what lets them go on */
export const holdTasks = (databaseUrl: string) =>
  hold(databaseUrl, 'lock table tasks in access exclusive mode')

/** The same while `work` runs, or until it calls what it is given. */
export async function whileTasksAreLocked(
  databaseUrl: string,
  work: (release: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const release = await holdTasks(databaseUrl)
  await work(release).finally(release)
}

/** Asks for each session that waits for the lock, until there is one. */
async function askOfWaiting(databaseUrl: string, what: string): Promise<void> {
  const sql = `select ${what} from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`
  // Each look is a connection of its own.
  while ((await runSql(databaseUrl, sql)).length === 0) await sleep(50)
}

/** Waits until a session waits for the lock. */
export const untilSomebodyWaits = (databaseUrl: string) => askOfWaiting(databaseUrl, 'pid')

/** Ends the session that waits for the lock, as an administrator does, once there is one. */
export const endWaitingSession = (databaseUrl: string) =>
  askOfWaiting(databaseUrl, 'pg_terminate_backend(pid)')
