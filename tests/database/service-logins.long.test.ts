import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as databases from '#tests/support/databases'
import { migrateToUnguarded, newOwnedDatabase } from '#tests/support/earlier-migrations'
import { createLogin, password, runSql } from '#tests/support/postgres'
import { tasksOf } from '#tests/support/statements'

const { server } = databases

/** Starts on the database, and returns which other logins the start named. */
async function start(url: string): Promise<string> {
  const named: string[] = []
  await databases.makeReady(url, { onOtherLogins: (logins) => named.push(logins) })
  return named.join()
}

/** What a login gets that takes the role of requests and calls itself Alice. */
async function actAsAlice(url: string) {
  const as = ['set role todo_app', `set app.user_id = 'alice'`]
  const run = (statement: string) => runSql(url, ...as, statement).catch(({ code }) => code)
  return {
    read: await run('select title from tasks'),
    changed: await run(`update tasks set title = 'theirs' returning title`),
    stored: await run(
      `insert into tasks (user_id, id, title) values ('alice', gen_random_uuid(), 'x')`,
    ),
    permit: await run(`select todo_take_permit('alice', 1, 60)`),
    permits: await run(`select todo_take_permits('alice', 600, 60, 9)`),
    owner: await run(`select todo_owner('alice', null, null)`),
  }
}

const refused = { stored: '42501', permit: '42501', permits: '42501', owner: '42501' }
const nothing = { read: [], changed: [], ...refused }

describe('the owner of another database of the cluster, who holds todo_app and may connect', () => {
  test('gets nothing of a database that this version made, nor do logins that get the role from it', async () => {
    const neighbour = await newOwnedDatabase()
    const accomplice = await createLogin(server)
    const { url, urlOf, sql, createAlicesTask } = await newOwnedDatabase()
    expect(await start(url)).toBe('')
    await createAlicesTask()
    expect(await actAsAlice(urlOf(neighbour.owner))).toEqual(nothing)
    await sql(`grant todo_app to ${neighbour.owner} with admin option`)
    await runSql(neighbour.url, `grant todo_app to ${accomplice}`)
    expect(await actAsAlice(urlOf(accomplice))).toEqual(nothing)
    expect(await actAsAlice(urlOf(neighbour.owner))).toEqual(nothing)
  })

  test('is named at each start where it read everybody’s tasks before, and shut out as it says', async () => {
    const { owner } = await newOwnedDatabase()
    const { url, urlOf, createAlicesTask } = await newOwnedDatabase()
    await migrateToUnguarded(url)
    await createAlicesTask()
    expect(await actAsAlice(urlOf(owner))).toMatchObject({
      read: [{ title: 'private' }],
      changed: [{ title: 'theirs' }],
    })
    expect(await start(url)).toContain(owner)
    expect(await start(url)).toContain(owner)
    await runSql(url, `revoke execute on function todo_service() from ${owner}`)
    expect(await actAsAlice(urlOf(owner))).toEqual(nothing)
    expect(await start(url)).not.toContain(owner)
  })
})

describe('a login that owns nothing', () => {
  test('goes on serving over the upgrade that its owner migrates', async () => {
    const login = await createLogin(server)
    const { url, urlOf } = await newOwnedDatabase({ guests: [login] })
    await migrateToUnguarded(url)
    await start(url)
    const alice = tasksOf(await databases.start(urlOf(login)), 'alice')
    await alice.create()
    expect((await alice.list()).json).toContain('alice')
  })

  test('is told what to run on a new database, and serves once that was done', async () => {
    const login = await createLogin(server)
    const { url, urlOf } = await newOwnedDatabase({ guests: [login] })
    await start(url)
    const attempt = start(urlOf(login))
    await expect(attempt).rejects.toMatchObject({ kind: 'not_isolated' })
    const [remedy = ''] = /GRANT EXECUTE [^;]*;/.exec(String(await attempt.catch(String))) ?? []
    await runSql(url, remedy)
    await start(urlOf(login))
  })

  test('serves after the SQL in docs/database.md', async () => {
    const { owner, url, urlOf, sql } = await newOwnedDatabase()
    // The databases of the tests share this role. Who creates it has the admin option.
    await sql(`grant todo_app to ${owner} with admin option`)
    await start(url)
    const page = readFileSync('docs/database.md', 'utf8')
    const [, written = ''] = /```sql\n(CREATE ROLE todo_web[^`]*)```/.exec(page) ?? []
    const login = `${owner}_web`
    const own = written.replaceAll('todo_web', login).replace('…', password)
    const statements = own.trim().split('\n')
    expect(statements).toHaveLength(3)
    await runSql(url, ...statements)
    await start(urlOf(login))
  })
})

test.each([
  [
    'alter function todo_owner reset search_path',
    'ALTER FUNCTION todo_owner(text,text,text) SET search_path = pg_catalog, public, pg_temp',
  ],
  // Temporary tables come first where nothing says otherwise.
  ['alter function todo_owner set search_path = public, pg_catalog', 'ALTER FUNCTION todo_owner('],
  ['grant execute on function todo_take_permit to public', 'REVOKE EXECUTE ON FUNCTION'],
  ['alter function todo_owner owner to todo_stranger', 'the owner of tasks owns it'],
  // Every login of the cluster that holds the role would count.
  ['grant execute on function todo_service to todo_app', 'FUNCTION todo_service() FROM PUBLIC'],
  ['grant execute on function todo_move_tasks to todo_app', 'FUNCTION todo_move_tasks(text,text)'],
  ['drop policy tasks_of_service on tasks', 'Restore tasks_of_service'],
  ['alter policy tasks_of_service on tasks using (true)', 'Restore tasks_of_service'],
  ['drop function todo_service cascade', 'Restore'],
])('after %s the start refuses the database: %s', async (breakIt, remedy) => {
  const { url, sql } = await newOwnedDatabase()
  await start(url)
  const stranger = `do $$ begin create role todo_stranger nologin; exception when duplicate_object then null; end $$`
  await sql(stranger, breakIt)
  await expect(start(url)).rejects.toThrow(remedy)
})
