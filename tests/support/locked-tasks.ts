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
  try {
    await work(release)
  } finally {
    await release()
  }
}

/** Between two looks, each of which is a connection of its own. */
const pauseMs = 50
const waiting = `from pg_stat_activity
  where wait_event_type = 'Lock' and datname = current_database()`

/** Waits until a session waits for the lock. */
export async function untilSomebodyWaits(databaseUrl: string): Promise<void> {
  while ((await runSql(databaseUrl, `select pid ${waiting}`)).length === 0) await sleep(pauseMs)
}

/** Ends the session that waits for the lock, as an administrator does, once there is one. */
export async function endWaitingSession(databaseUrl: string): Promise<void> {
  let ended: unknown[] = []
  while (ended.length === 0) {
    ended = await runSql(databaseUrl, `select pg_terminate_backend(pid) ${waiting}`)
    if (ended.length === 0) await sleep(pauseMs)
  }
}
