import { expect } from 'vitest'
import type { OpenDatabase } from '#db/database'
import type { ListOptions, Position } from '#db/tasks/list-tasks'
import type { Task } from '#tests/support/api'
import { runSql } from '#tests/support/postgres'
import { type statementsOf, tasksOf } from '#tests/support/statements'

type Statements = ReturnType<typeof statementsOf>

/** Users with a task each: its version, and what it is once the task was flipped. */
export async function makeUsers(database: OpenDatabase, count: number) {
  const make = async (_: unknown, index: number) => {
    const user = `user-${index}`
    const { id, version } = await tasksOf(database, user).create()
    return { user, id, version, flipped: { version: version + 1 } }
  }
  return await Promise.all(Array.from({ length: count }, make))
}

/** Reads a list in pages of two: ten at most, as pages that repeat each other never end. */
export async function readPages({ list }: Statements, options: Partial<ListOptions> = {}) {
  const seen: Task[] = []
  let after: Position | undefined
  for (let pages = 0; pages < 10; pages += 1) {
    const page = await list({ ...options, limit: 2, after })
    seen.push(...JSON.parse(page.json))
    const last = seen.at(-1)
    if (!page.hasMore || last === undefined) break
    after = { id: last.id, title: last.title, createdAt: last.created_at }
  }
  return seen
}

/** Expects that no statement finds the task, which is another user's. */
export async function expectNothing(attempt: Statements, id: string) {
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
