import { expect, test } from 'vitest'
import { makeReady, server } from '#tests/support/databases'
import { migrateToUnguarded, newOwnedDatabase } from '#tests/support/earlier-migrations'
import { createLogin, runSql } from '#tests/support/postgres'

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
    'rate_limits (user_id text primary key, full_at timestamptz)',
    `select todo_take_permit('mallory', 600, 60)`,
  ],
  [
    'todo_owner',
    'users (id text primary key, email text, name text)',
    `select todo_owner('mallory', null, null)`,
  ],
] as const

test.each(shadows)(
  '%s over a temporary %s with a trigger took the owner’s rights, and takes nothing since it was migrated',
  async (_, table, call) => {
    const login = await createLogin(server)
    const { url, urlOf, sql, createAlicesTask } = await newOwnedDatabase({ guests: [login] })
    const [temporary] = table.split(' ')
    /** Makes the call as the attacker. @returns what that reads of other people's tasks then */
    const attack = async () =>
      await runSql(
        urlOf(login),
        steal(login),
        `create temporary table ${table}`,
        `create trigger steal before insert on ${temporary} for each row execute function pg_temp.steal()`,
        `grant all on ${temporary} to public`,
        call,
        'select title from tasks',
      )
    await migrateToUnguarded(url)
    await createAlicesTask()
    expect(await attack()).toEqual([{ title: 'private' }])
    await sql(
      `revoke select on tasks from ${login}`,
      'alter table tasks force row level security, enable row level security',
    )
    await makeReady(url)
    // A login that served before still may, and so the function itself is what stops it.
    expect(await attack()).toEqual([])
  },
)
