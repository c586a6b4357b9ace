import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchPostgres } from '#bench/postgres'

export interface Waits {
  /** Connections on which Postgres was at work, on average. */
  readonly atWork: number
  /** How much of that was waiting for a commit to reach the disk, or for another one's. */
  readonly onDisk: number
}

/** The names differ between versions in their letter case. */
const sample = `select count(*)::int as "atWork",
    count(*) filter (where lower(wait_event) in ('walsync', 'walwrite', 'walwritelock'))::int as "onDisk"
  from pg_stat_activity
  where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`

/** Looks every now and then at what Postgres does, for as long as `work` takes. */
export async function watchWaits<Result>(
  postgres: BenchPostgres,
  work: Promise<Result>,
): Promise<{ result: Result; waits: Waits }> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  const found: Waits[] = []
  const looking = (async () => {
    while (!isDone) {
      found.push(...(await postgres.query<Waits>(sample)))
      await sleep(100)
    }
  })()
  const [result] = await Promise.all([done, looking])
  const sum = (part: keyof Waits) => found.reduce((total, one) => total + one[part], 0)
  const atWork = sum('atWork')
  return { result, waits: { atWork: atWork / found.length, onDisk: sum('onDisk') / atWork } }
}
