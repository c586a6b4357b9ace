import { expect } from 'vitest'
import type { OpenDatabase } from '#db/database'
import { runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

/** Users with a task each: its version, and what it is once the task was flipped. */
export async function makeUsers(database: OpenDatabase, count: number) {
  const make = async (_: unknown, index: number) => {
    const user = `user-${index}`
    const id = crypto.randomUUID()
    const { version } = await statementsOf(database.forUser(user), user).insert(id)
    return { user, id, version, flipped: { version: version + 1 } }
  }
  return await Promise.all(Array.from({ length: count }, make))
}

/** Expects that no statement finds the task, which is another user's. */
export async function expectNothing(attempt: ReturnType<typeof statementsOf>, id: string) {
  expect((await attempt.list()).json).toBe('[]')
  expect(await attempt.find(id)).toBeUndefined()
  expect(await attempt.update(id, { title: 'Mine' })).toBeUndefined()
  expect(await attempt.complete(id)).toBeUndefined()
  expect(await attempt.complete(id, true)).toBeUndefined()
  expect(await attempt.remove(id)).toBe(false)
}

/** The version of a task, as an administrator sees it. */
export async function versionOf(databaseUrl: string, id: string): Promise<number> {
  const [row] = await runSql(databaseUrl, `select version from tasks where id = '${id}'`)
  return Number(row?.['version'])
}
