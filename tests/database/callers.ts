import { sql } from 'kysely'
import { expect } from 'vitest'
import type { OpenDatabase } from '#db/database'
import { isDatabaseError } from '#db/errors'
import { tasksOf } from '#tests/support/statements'

/** What 40 callers have met, and each connection with how many statements it knows by name. */
export interface Met {
  refused: number
  cancelled: number
  served: number
  readonly backends: Map<number, number>
}

/**
 * Sends as 40 users at once, with errors between them. Fails where one of them meets the role, the
 * user, the answer or a row of another.
 */
export async function callAsForty(
  database: OpenDatabase,
  isOver: (round: number, met: Met) => boolean,
): Promise<Met> {
  const met: Met = { refused: 0, cancelled: 0, served: 0, backends: new Map() }
  const call = async (_: unknown, index: number) => {
    const user = `user-${index}`
    const db = database.forUser(user)
    const kept = new Set<string>()
    for (let round = 0; !isOver(round, met); round += 1) {
      const mark = index * 1_000_000 + round
      try {
        if (round % 10 === 0) {
          kept.add((await tasksOf(database, user).create()).id)
        }
        if (round % 3 === 0) await sql`select ${mark} / 0`.execute(db)
        if (round % 7 === 0) await sql`select * from users`.execute(db)
        const { rows } = await sql<{ backend: number; known: number }>`
          select current_user::text as role, current_setting('app.user_id') as "user",
            ${mark}::int as mark, pg_backend_pid() as backend,
            (select count(*)::int from pg_prepared_statements) as known`.execute(db)
        expect(rows).toMatchObject([{ role: 'todo_app', user, mark }])
        for (const { backend, known } of rows) met.backends.set(backend, known)
        // Only row-level security is between this statement and the rows of the others.
        const tasks = await db.selectFrom('tasks').select(['id', 'user_id']).execute()
        expect(tasks.filter((task) => task.user_id !== user)).toEqual([])
        expect(new Set(tasks.map((task) => task.id))).toEqual(kept)
        met.served += 1
      } catch (error) {
        if (!isDatabaseError(error)) throw error
        expect(['22012', '42501', '57014']).toContain(error.sqlState)
        if (error.sqlState === '57014') met.cancelled += 1
        else met.refused += 1
      }
    }
  }
  await Promise.all(Array.from({ length: 40 }, call))
  return met
}
