import { describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { createOwnedDatabase, migrateToUnguarded } from '#tests/support/earlier-migrations'
import { createLogin, postgresAt, runSql } from '#tests/support/postgres'
import { statementsOf } from '#tests/support/statements'

const server = postgresAt(inject('postgresPort'))

/** Opens the database as the service does, and returns which other logins the start named. */
async function start(url: string) {
  const named: string[] = []
  const database = await openDatabase({
    ...options,
    url,
    onOtherLogins: (logins) => named.push(logins),
  })
  try {
    await database.makeReady()
    return named
  } finally {
    await database.close()
  }
}

/** What a login gets that takes the role of requests and calls itself Alice. */
async function actAsAlice(name: string, login: string) {
  const run = (statement: string) =>
    runSql(
      server.url(name, login),
      'set role todo_app',
      `set app.user_id = 'alice'`,
      statement,
    ).catch((error) => error.code)
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

const nothing = {
  read: [],
  changed: [],
  stored: '42501',
  permit: '42501',
  permits: '42501',
  owner: '42501',
}
const alicesTask = [
  `insert into users (id) values ('alice')`,
  `insert into tasks (user_id, id, title) values ('alice', gen_random_uuid(), 'private')`,
]

describe('the owner of another database of the cluster, who holds todo_app and may connect', () => {
  test('read and changed everybody’s tasks before the migration', async () => {
    const neighbour = await createOwnedDatabase(server)
    const database = await createOwnedDatabase(server)
    await migrateToUnguarded(database.url)
    await runSql(server.url(database.name), ...alicesTask)
    expect(await actAsAlice(database.name, neighbour.owner)).toMatchObject({
      read: [{ title: 'private' }],
      changed: [{ title: 'theirs' }],
    })
  })

  test('gets nothing of a database that this version made', async () => {
    const neighbour = await createOwnedDatabase(server)
    const database = await createOwnedDatabase(server)
    expect(await start(database.url)).toEqual([])
    await runSql(server.url(database.name), ...alicesTask)
    expect(await actAsAlice(database.name, neighbour.owner)).toEqual(nothing)
  })

  test('gets nothing through logins that it grants the role to, or with ADMIN on the role', async () => {
    const neighbour = await createOwnedDatabase(server)
    const database = await createOwnedDatabase(server)
    await start(database.url)
    await runSql(server.url(database.name), ...alicesTask)
    const accomplice = await createLogin(server)
    await runSql(server.url('postgres'), `grant todo_app to ${neighbour.owner} with admin option`)
    await runSql(server.url(neighbour.name, neighbour.owner), `grant todo_app to ${accomplice}`)
    expect(await actAsAlice(database.name, accomplice)).toEqual(nothing)
    expect(await actAsAlice(database.name, neighbour.owner)).toEqual(nothing)
  })

  test('is named at each start where the database was in service before, and shut out as it says', async () => {
    const neighbour = await createOwnedDatabase(server)
    const database = await createOwnedDatabase(server)
    await migrateToUnguarded(database.url)
    await runSql(server.url(database.name), ...alicesTask)
    for (const named of [await start(database.url), await start(database.url)]) {
      expect(named.join()).toContain(neighbour.owner)
    }
    const revoke = `revoke execute on function todo_service() from`
    await runSql(database.url, `${revoke} ${neighbour.owner}`)
    expect(await actAsAlice(database.name, neighbour.owner)).toEqual(nothing)
    expect((await start(database.url)).join()).not.toContain(neighbour.owner)
  })
})

describe('a login that owns nothing', () => {
  test('goes on serving over the upgrade that its owner migrates', async () => {
    const login = await createLogin(server)
    const { name, url } = await createOwnedDatabase(server, login)
    await migrateToUnguarded(url)
    await start(url)
    const database = await openDatabase({ ...options, url: server.url(name, login) })
    await database.makeReady()
    await statementsOf(database.forUser('alice'), 'alice').insert(crypto.randomUUID())
    expect((await statementsOf(database.forUser('alice'), 'alice').list()).json).toContain('alice')
    await database.close()
  })

  test('is told what to run on a new database, and serves once that was done', async () => {
    const login = await createLogin(server)
    const { name, url } = await createOwnedDatabase(server, login)
    await start(url)
    const refused = start(server.url(name, login))
    await expect(refused).rejects.toMatchObject({ kind: 'not_isolated' })
    const [remedy = ''] = /GRANT EXECUTE [^;]*;/.exec(String(await refused.catch(String))) ?? []
    await runSql(url, remedy)
    await start(server.url(name, login))
  })
})

describe('the start refuses a database', () => {
  test.each([
    [
      'where a function has no fixed search path',
      'alter function todo_owner reset search_path',
      'ALTER FUNCTION todo_owner(text,text,text) SET search_path = pg_catalog, public, pg_temp',
    ],
    [
      'where temporary tables come first in the search path of a function',
      'alter function todo_take_permit set search_path = public, pg_catalog',
      'ALTER FUNCTION todo_take_permit(text,integer,integer) SET search_path',
    ],
    [
      'where everybody may execute a function',
      'grant execute on function todo_take_permit to public',
      'REVOKE EXECUTE ON FUNCTION',
    ],
    [
      'where a function belongs to somebody else',
      'alter function todo_owner owner to todo_stranger',
      'the owner of tasks owns it',
    ],
    [
      'where every login of the cluster that holds the role counts',
      'grant execute on function todo_service to todo_app',
      'REVOKE EXECUTE ON FUNCTION todo_service() FROM PUBLIC, todo_app',
    ],
    [
      'where the policy on logins is gone',
      'drop policy tasks_of_service on tasks',
      'Restore tasks_of_service',
    ],
    [
      'where the policy on logins holds for nobody',
      'alter policy tasks_of_service on tasks using (true)',
      'Restore tasks_of_service',
    ],
    ['where the function of the logins is gone', 'drop function todo_service cascade', 'Restore'],
  ])('%s', async (_, breakIt, remedy) => {
    const { name, url } = await createOwnedDatabase(server)
    await start(url)
    await runSql(
      server.url(name),
      `do $$ begin create role todo_stranger nologin; exception when duplicate_object then null; end $$`,
      breakIt,
    )
    await expect(start(url)).rejects.toThrow(remedy)
  })
})
