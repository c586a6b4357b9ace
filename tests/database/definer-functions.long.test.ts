import { describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { createOwnedDatabase, migrateToUnguarded } from '#tests/support/earlier-migrations'
import { createLogin, postgresAt, runSql } from '#tests/support/postgres'

const server = postgresAt(inject('postgresPort'))

/** What the attacker's trigger does with the rights of whoever fires it. */
const steal = (
  login: string,
) => `create function pg_temp.steal() returns trigger language plpgsql as $$ begin
    execute 'grant select on public.tasks to ${login}';
    execute 'alter table public.tasks no force row level security, disable row level security';
    return new;
  end $$`

/** Each function with the table that the attacker puts before the real one, and the call. */
const shadows = [
  [
    'todo_take_permit',
    'rate_limits',
    'user_id text primary key, full_at timestamptz',
    `select todo_take_permit('mallory', 600, 60)`,
  ],
  [
    'todo_owner',
    'users',
    'id text primary key, email text, name text',
    `select todo_owner('mallory', null, null)`,
  ],
] as const

async function migrate(url: string): Promise<void> {
  const database = await openDatabase({ ...options, url })
  await database.makeReady()
  await database.close()
}

describe.each(shadows)('%s over a temporary %s with a trigger', (_, table, columns, call) => {
  /** @returns what the attacker reads of other people's tasks, and what the call answered */
  async function attack(database: { name: string }, login: string) {
    const url = server.url(database.name, login)
    await runSql(
      server.url(database.name),
      `insert into users (id) values ('alice') on conflict do nothing`,
      `insert into tasks (user_id, id, title) values ('alice', gen_random_uuid(), 'private')`,
    )
    const refusal = await runSql(
      url,
      steal(login),
      `create temporary table ${table} (${columns})`,
      `create trigger steal before insert on ${table} for each row execute function pg_temp.steal()`,
      `grant all on ${table} to public`,
      call,
    ).then(
      () => undefined,
      (error) => error.code,
    )
    const seen = await runSql(url, 'select title from tasks').catch((error) => error.code)
    return { refusal, seen }
  }

  test('took the owner’s rights before, and takes nothing from the migration on', async () => {
    const login = await createLogin(server)
    const database = await createOwnedDatabase(server, login)
    await migrateToUnguarded(database.url)
    expect((await attack(database, login)).seen).toEqual([{ title: 'private' }])
    await runSql(
      database.url,
      `revoke select on tasks from ${login}`,
      'alter table tasks force row level security, enable row level security',
    )
    await migrate(database.url)
    // A login that served before still may, and so the function itself is what stops it.
    expect(await attack(database, login)).toEqual({ refusal: undefined, seen: [] })
  })

  test('is refused on a new database, where the login is none of the service', async () => {
    const login = await createLogin(server)
    const database = await createOwnedDatabase(server, login)
    await migrate(database.url)
    expect(await attack(database, login)).toEqual({ refusal: '42501', seen: [] })
  })
})
