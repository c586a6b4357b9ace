/** What requests on one connection, or of one process, do to each other. */
import { setImmediate as turn } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { OpenDatabase } from '#db/database'
import { makeUsers, versionOf } from '#tests/database/users'
import { newDatabase, openEmpty, start } from '#tests/support/databases'
import { hold } from '#tests/support/locked-tasks'
import { tasksOf } from '#tests/support/statements'

const { url, sql: sendDirectly } = await newDatabase()
/** With one connection, and with four. */
const one = await start(url, { poolSize: 1 })
const four = await start(url, { poolSize: 4 })

const read = (database: OpenDatabase, user: string) =>
  tasksOf(database, user).find(crypto.randomUUID())
const nap = (database: OpenDatabase, user: string, seconds: number) =>
  sql`select pg_sleep(${seconds})`.execute(database.forUser(user))
/** Users whose lists take two seconds. */
const slow = ['slow', 'slow-other']
for (const user of slow) await tasksOf(one, user).create()
await sendDirectly(
  `create policy slowly on tasks as restrictive for select
    using (user_id not like 'slow%' or pg_sleep(2) is not null)`,
)

const readers = (count: number) => Array.from({ length: count }, (_, index) => `reader-${index}`)

const asleep = `select from pg_stat_activity
  where datname = current_database() and wait_event = 'PgSleep'`
const untilSomebodySleeps = () => expect.poll(() => sendDirectly(asleep)).toHaveLength(1)

/** Whether each of these is over before the other. */
async function areBefore(other: Promise<unknown>, all: Promise<unknown>[]): Promise<boolean[]> {
  let isOver = false
  const ended = other.finally(() => {
    isOver = true
  })
  const before = await Promise.all(all.map((each) => each.then(() => !isOver)))
  await ended
  return before
}

test('one connection is filled before the next is used', async () => {
  // As many as open all four, which may take longer than to serve these.
  await Promise.all(readers(64).map((user) => read(four, user)))
  const loadOfForty = async () => {
    const reading = readers(40).map((user) => read(four, user))
    await turn()
    const load = four.transport.poolLoad?.()
    await Promise.all(reading)
    return load
  }
  await expect.poll(loadOfForty).toMatchObject({ inUse: 3, idle: 1 })
})

test('a statement that sleeps holds up those behind it on its connection; the others pass it by', async () => {
  const napping = nap(four, 'sleeper', 1.5)
  const reading = readers(40).map((user) => read(four, user))
  const before = await areBefore(napping, reading)
  // Its connection takes 16.
  expect(before.filter(Boolean).length).toBeGreaterThanOrEqual(40 - 15)
})

test('a row that is locked holds up those who want it, and nobody else', async () => {
  const [owner, ...others] = await makeUsers(one, 20)
  const release = await hold(url, `select from tasks where id = '${owner?.id}' for update`)
  const flip = ({ user, id } = { user: '', id: '' }) => tasksOf(one, user).complete(id)
  const held = [flip(owner), flip(owner)]
  // They are behind it on the connection: nobody would be served before the row is free.
  expect(await Promise.all(others.map(flip))).toMatchObject(others.map(({ flipped }) => flipped))
  await release()
  // Each made way, rolled back, and was sent again: it has happened once all the same.
  await Promise.all(held)
  expect(await versionOf(url, owner?.id ?? '')).toBe(Number(owner?.version) + 2)
})

test('a readiness probe is behind nobody, also where all connections are held up', async () => {
  const naps = Promise.all(readers(64).map((user) => nap(four, user, 0.05)))
  await turn()
  expect(await areBefore(naps, [four.isReady()])).toEqual([true])
})

test.each([
  ['searches', { search: 'bread' }],
  ['passes over thousands of tasks', { offset: 5000 }],
])('nobody waits behind who %s', async (_, options) => {
  const listing = tasksOf(one, 'slow').list({ ...options, withTotal: false })
  await untilSomebodySleeps()
  expect(await areBefore(listing, [read(one, 'reader')])).toEqual([true])
})

test('the searches of one user run one after the other, so that another user can search meanwhile', async () => {
  const search = (user: string) => tasksOf(four, user).list({ search: 'milk', withTotal: false })
  const ended: string[] = []
  await Promise.all(['slow', ...slow].map((user) => search(user).then(() => ended.push(user))))
  expect(ended.at(-1)).toBe('slow')
})

test.each(['postgres', 'neon'] as const)(
  'on %s, more than the queue takes are refused at once, and the rest are served',
  async (name) => {
    const { database } = await openEmpty(name, { poolSize: 1, queueLimit: 20 })
    const slow = { sql: 'select pg_sleep(0.05)', parameters: [] }
    const outcomes: string[] = []
    const crowd = Array.from({ length: 200 }, async () => {
      const place = { user: crypto.randomUUID() }
      const working = database.transport.transaction([slow], 20_000, place)
      const failure = await working.then(() => undefined).catch(({ kind }) => kind)
      outcomes.push(failure ?? 'served')
    })
    await Promise.all(crowd)
    const refused = outcomes.lastIndexOf('overloaded') + 1
    expect(refused).toBeGreaterThan(0)
    expect(new Set(outcomes.slice(0, refused))).toEqual(new Set(['overloaded']))
    expect(new Set(outcomes.slice(refused))).toEqual(new Set(['served']))
    expect(outcomes.length - refused).toBeGreaterThanOrEqual(20)
  },
)
