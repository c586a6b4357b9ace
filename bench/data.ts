import { createHmac } from 'node:crypto'
import type { BenchPostgres } from '#bench/postgres'
import { testSecret } from '#tests/support/tokens'

export const secret = testSecret

/** A user that requests are sent for. */
export interface BenchUser {
  readonly id: string
  readonly token: string
  readonly taskIds: readonly string[]
}

/** The id of a user who has no request left today. */
export const spentUser = 'spent'

/** Of a large table, requests are sent for this many users. */
const askingUsers = 1000

/** Replaces all data by `users` times `tasksEach` tasks, and returns whom to ask for. */
export async function loadData(
  postgres: Pick<BenchPostgres, 'query'>,
  users: number,
  tasksEach: number,
): Promise<BenchUser[]> {
  await postgres.query('truncate tasks, users, rate_limits')
  await postgres.query(
    `insert into users (id, email, name)
      select md5(n::text), n || '@example.com', 'User ' || n from generate_series(1, $1::int) as n`,
    [users],
  )
  await postgres.query(
    `insert into tasks (user_id, id, title, description, completed, created_at, updated_at)
      select md5(u::text), gen_random_uuid(), 'Water the plants on the balcony, no. ' || t,
        case when t % 2 = 0 then repeat('The small ones every day, and the cactus hardly ever. ', 2) end,
        t % 3 = 0, now() - t * interval '1 minute', now() - t * interval '1 minute'
      from generate_series(1, $1::int) as u, generate_series(1, $2::int) as t`,
    [users, tasksEach],
  )
  await postgres.query(`insert into rate_limits values ($1, now() + interval '1 day')`, [spentUser])
  await postgres.query('vacuum (analyze) tasks')
  await postgres.query('vacuum (analyze) users')
  await postgres.query('checkpoint')
  const rows = await postgres.query<{ id: string; tasks: string[] }>(
    `select users.id, array(select tasks.id::text from tasks where user_id = users.id limit 50) as tasks
      from users order by id limit $1`,
    [askingUsers],
  )
  return rows.map(({ id, tasks }) => ({ id, token: signToken(id), taskIds: tasks }))
}

/** An HS256 token as a frontend's own server signs it, good for a day. */
export function signToken(userId: string): string {
  const now = Math.floor(Date.now() / 1000)
  const parts = [
    { alg: 'HS256', typ: 'JWT' },
    { sub: userId, iat: now, exp: now + 86_400 },
  ]
  const signed = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

let forged = 0

/** A token with another wrong signature each time, so that no cache can know it. */
export function forgeToken({ token }: BenchUser): string {
  forged += 1
  const signed = token.slice(0, token.lastIndexOf('.'))
  return `${signed}.${forged.toString(36).padStart(42, 'x')}A`
}

export function pick<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)]
  if (item === undefined) throw new Error('There is nothing to pick from.')
  return item
}
