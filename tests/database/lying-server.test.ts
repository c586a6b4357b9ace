import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { isDatabaseError } from '#db/errors'
import { openCallerDatabase } from '#db/scoped'
import type { Transport } from '#db/transports/transport'
import {
  type Answer,
  forEach,
  instead,
  lastOf,
  lies,
  malformed,
  messageAt,
  withIn,
  without,
} from '#tests/database/lies'
import {
  dataRow,
  errorMessage,
  type Lie,
  message,
  ready,
  secretOf,
  startLyingPostgres,
  toBytes,
} from '#tests/database/lying-postgres'
import { options } from '#tests/support/databases'
import { statementsOf } from '#tests/support/statements'

const failures = new Set(['unavailable', 'internal', 'overloaded'])
const users = Array.from({ length: 20 }, (_, index) => `user-${index}`)
const id = crypto.randomUUID()
const look = [{ sql: 'select 1', parameters: [] }]

/** Asks as one user for a page, a task, or a flip. @throws if it got what is another's */
async function ask(transport: Transport, user: string, kind = 1): Promise<'served' | 'failed'> {
  const own = statementsOf(openCallerDatabase(transport, user, options.limits), user)
  const requests = [
    () => own.list({ limit: 1, withTotal: kind % 2 === 0 }),
    () => own.find(id),
    () => own.complete(id),
  ]
  try {
    const found = await requests[kind % 3]?.()
    const task = { title: secretOf(user), user_id: user }
    expect([JSON.parse(found?.json ?? 'null')].flat()).toEqual([expect.objectContaining(task)])
    return 'served'
  } catch (error) {
    if (!isDatabaseError(error)) throw error
    expect(failures).toContain(error.kind)
    expect(error.detail).toBeUndefined()
    return 'failed'
  }
}

/** A server that is honest is believed, also where it was not before. */
async function expectServed(transport: Transport): Promise<void> {
  const asked = await Promise.all(users.map((user) => ask(transport, user)))
  expect(asked).toEqual(users.map(() => 'served'))
}

describe.each([false, true])('with named statements: %s', (namedStatements) => {
  test.each(Object.entries(lies))(
    'where %s, nobody gets what is another’s, with and without others behind it',
    async (_, some) => {
      const server = await startLyingPostgres()
      const transport = server.open({ namedStatements, poolSize: 40, connectTimeoutMs: 1000 })
      const asked: ReturnType<typeof ask>[] = []
      for (const [index, lie] of some.entries()) {
        for (const count of [1, 12]) {
          const told = server.lieOnce(lie)
          // Others than before, since those who are in doubt are told so only after a while.
          for (let at = 0; at < count; at += 1) {
            asked.push(ask(transport, `${index} of ${count}, ${at}`, at))
          }
          await told
          // The service has read it, and what comes next is on another connection.
          await sleep(5)
        }
      }
      expect(await Promise.all(asked)).toContain('served')
      await expectServed(transport)
    },
  )
})

const rowsIn = (answer: Answer) =>
  answer.flatMap(({ type }, index) => (type === 'D' ? [index] : []))
const firstRow = (answer: Answer) => rowsIn(answer)[0] ?? 0
const secondRow = (answer: Answer) => rowsIn(answer)[1] ?? 0
const another = dataRow(['1'])
const errors = [errorMessage('22012'), errorMessage('TD429'), ready()]

test.each<[string, Lie]>([
  ['an answer to another transaction', (_, others) => lastOf(others)],
  ['an answer without the number of its transaction', (all) => without(all, firstRow(all))],
  ['0 rows instead of 1', (all) => without(all, secondRow(all))],
  ['2 rows instead of 1', (all) => withIn(all, secondRow(all), another)],
  [
    'a message of the type "D"',
    (all) => withIn(without(all, secondRow(all)), secondRow(all) - 1, another),
  ],
  ['an error of another: TD429', (all) => [...all.slice(0, secondRow(all)), ...errors]],
  ...['T', 'E', 'X'].map((status): [string, Lie] => [
    'a transaction is open',
    (all) => instead(all, all.length - 1, ready(status)),
  ]),
])('%s is not believed, although nothing else tells it apart', async (says, lie) => {
  const server = await startLyingPostgres()
  for (const namedStatements of [false, true]) {
    const mismatches: unknown[] = []
    const transport = server.open({ namedStatements, onMismatch: (each) => mismatches.push(each) })
    // The same statements with the same rows as before, and with names as well.
    for (let round = 0; round < 3; round += 1) await transport.transaction(look, 8000)
    const told = server.lieOnce(lie)
    const asked = transport.transaction(look, 8000)
    await expect(asked).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
    await told
    expect(mismatches).toMatchObject([{ message: expect.stringContaining(says) }])
  }
})

test('an answer may come in pieces, wherever it is cut', async () => {
  const server = await startLyingPostgres()
  const transport = server.open()
  const whole = Buffer.concat([toBytes(ready()), toBytes(ready())]).length
  let bytes = whole
  for (let at = 1; at < bytes; at += 1) {
    const told = server.lieOnce((answer) => {
      const all = Buffer.concat(answer.map(toBytes))
      bytes = all.length
      return [all.subarray(0, at), { waitMs: 1 }, all.subarray(at)]
    })
    expect(await ask(transport, 'user-0', 0)).toBe('served')
    await told
  }
  expect(bytes).toBeGreaterThan(whole)
  expect(server.connections).toBe(1)
})

/** What a server says where it ends a connection that is idle. */
const idleError = (severity: string) => message('E', `${severity}C08P01\0Mclient idle timeout\0\0`)

test.each([
  ['no answer', ready(), 'mismatch'],
  ['an error that ends it', idleError('SFATAL\0VFATAL\0'), 'fault'],
  // PgBouncer names the severity in the field alone that Postgres translates.
  ['an error of PgBouncer that ends it', idleError('SFATAL\0'), 'fault'],
])('%s on an idle connection closes it, and is told once', async (_, came, told) => {
  const server = await startLyingPostgres()
  const all: string[] = []
  const [onFault, onMismatch] = [() => all.push('fault'), () => all.push('mismatch')]
  const transport = server.open({ poolSize: 1, onFault, onMismatch })
  server.lieOnce((answer) => [...answer, { waitMs: 50 }, came])
  expect(await ask(transport, 'user-0')).toBe('served')
  await expect.poll(() => all).toEqual([told])
  await expect.poll(() => server.resets).toBe(1)
  await expectServed(transport)
  expect(all).toEqual([told])
})

test('a message that is cut in two behind the first ReadyForQuery of a connection harms nobody', async () => {
  const server = await startLyingPostgres()
  const mismatches: unknown[] = []
  const transport = server.open({ onMismatch: (each) => mismatches.push(each) })
  server.hello = (messages) => {
    const all = Buffer.concat([...messages, message('S', 'TimeZone\0UTC\0')].map(toBytes))
    return [all.subarray(0, -6), { waitMs: 30 }, all.subarray(-6)]
  }
  await expectServed(transport)
  expect(mismatches).toEqual([])
})

test('whatever comes where a connection begins, the process lives, and the next one serves', async () => {
  const server = await startLyingPostgres()
  const transport = server.open({ connectTimeoutMs: 150 })
  // The welcome has four messages.
  const hellos: Lie[] = [
    () => [],
    () => ['end'],
    () => [Buffer.alloc(64)],
    () => [Buffer.alloc(64, 0xff)],
    () => [ready(), ready(), ready()],
    ...forEach([0, 1, 2, 3], without),
    ...forEach([0, 1, 2, 3], (answer, at) => withIn(answer, at, messageAt(answer, at))),
    ...forEach('RDTCEZ1tG', (answer, type) => [message(type, 'x'), ...answer]),
    ...forEach([0, 3, 2 ** 31], (answer, length) => malformed(answer, 0, length)),
  ]
  for (const hello of hellos) {
    server.hello = hello
    server.reset()
    await ask(transport, 'user-0')
    server.beHonest()
    expect(await ask(transport, 'user-1')).toBe('served')
  }
})
