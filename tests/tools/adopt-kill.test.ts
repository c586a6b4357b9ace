import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { startAdopt } from '#tests/tools/adopt'
import { everythingIn } from '#tests/tools/everything-in'

const server = postgresAt(inject('postgresPort'))
const taskCount = 4000
/** 50 are `KILLS=50`; this is what a run of all tests has time for. */
const kills = Number(process.env['KILLS'] ?? 4)

const watcher = new Client({ connectionString: server.url('postgres') })
beforeAll(() => watcher.connect())
afterAll(() => watcher.end())

/** How many sessions a database has. */
async function sessionsOf(name: string): Promise<number> {
  const { rows } = await watcher.query<{ count: number }>(
    'select count(*)::int as count from pg_stat_activity where datname = $1',
    [name],
  )
  return rows[0]?.count ?? 0
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  for (let tried = 0; tried < 2000; tried += 1) {
    if (await isDone()) return
    await sleep(10)
  }
  throw new Error('It does not come to an end.')
}

/** Adopts a copy of a database, and kills the process a while after it has connected. */
async function adoptAndKill(template: string, afterMs: number) {
  const name = `${template}_${Math.random().toString(36).slice(2, 10)}`
  await watcher.query(`create database ${name} template ${template}`)
  const url = server.url(name)
  const adopting = startAdopt(url, ['--yes'])
  const exited = once(adopting.process, 'exit')
  await until(async () => adopting.process.exitCode !== null || (await sessionsOf(name)) > 0)
  const connectedAt = performance.now()
  await Promise.race([exited, sleep(afterMs)])
  const durationMs = performance.now() - connectedAt
  adopting.process.kill('SIGKILL')
  await adopting.ended
  // Postgres notices by itself that its client is gone, and rolls back.
  await until(async () => (await sessionsOf(name)) === 0)
  const everything = await everythingIn(url)
  await watcher.query(`drop database ${name}`)
  return { everything, durationMs, isKilled: adopting.process.signalCode === 'SIGKILL' }
}

/** What differs from one adoption to the next: versions are random, and so are hashes of them. */
function comparable(everything: Record<string, unknown>[]) {
  return everything.map((row) =>
    String(row['table']).match(/"tasks"|kysely/) ? { ...row, hash: '' } : row,
  )
}

test(`killed ${kills} times at any moment, it has done all of it or nothing`, async () => {
  const template = await createDatabase(server)
  await runSql(
    server.url(template),
    'create table users (id integer primary key, email text, name text)',
    'insert into users select generate_series(1, 40)',
    `create table tasks (id serial primary key, user_id integer references users (id),
      title text, completed boolean, created_at timestamp default '2025-01-02')`,
    `insert into tasks (user_id, title, completed)
      select number % 40 + 1, 'Task ' || number, false from generate_series(1, ${taskCount}) as number`,
  )
  const before = await everythingIn(server.url(template))
  await until(async () => (await sessionsOf(template)) === 0)
  const whole = await adoptAndKill(template, 60_000)
  const after = comparable(whole.everything)
  expect(whole.isKilled).toBe(false)
  expect(after).toContainEqual({ table: '"public"."tasks"', count: taskCount, hash: '' })
  expect(after).toContainEqual(
    expect.objectContaining({ table: '"public"."tasks_before_adoption"', count: taskCount }),
  )

  const ends = { before: 0, after: 0, killed: 0 }
  // Over twice the time that it takes alone, so that half at least are killed and some may end.
  const delays = Array.from(
    { length: kills },
    (_, index) => ((index + Math.random()) / kills) * 2 * whole.durationMs,
  )
  const lane = async () => {
    for (let afterMs = delays.pop(); afterMs !== undefined; afterMs = delays.pop()) {
      const { everything, isKilled } = await adoptAndKill(template, afterMs)
      const isBefore = everything.length === before.length
      if (isBefore) expect(everything).toEqual(before)
      else expect(comparable(everything)).toEqual(after)
      ends[isBefore ? 'before' : 'after'] += 1
      if (isKilled) ends.killed += 1
    }
  }
  await Promise.all(Array.from({ length: 3 }, lane))
  expect(ends.before + ends.after).toBe(kills)
  expect(ends.killed).toBeGreaterThan(kills / 5)
}, 600_000)
