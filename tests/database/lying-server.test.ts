import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isDatabaseError } from '#db/errors'
import { openCallerDatabase } from '#db/scoped'
import { listTaskRows } from '#db/tasks/list-tasks'
import { completeTaskRow, findTaskRow } from '#db/tasks/tasks'
import { openPostgres } from '#db/transports/postgres/postgres'
import type { Transport } from '#db/transports/transport'
import {
  dataRow,
  description,
  errorMessage,
  type Lie,
  type LyingPostgres,
  type Message,
  message,
  ready,
  secretOf,
  startLyingPostgres,
  toBytes,
} from '#tests/database/lying-postgres'
import { options } from '#tests/support/databases'

const users = Array.from({ length: 20 }, (_, index) => `user-${index}`)
const id = crypto.randomUUID()
const look = [{ sql: 'select 1', parameters: [] }]
const page = { sort: 'created', order: 'desc', limit: 1 } as const

type Answer = readonly Message[]

/** A lie for each of these values. */
const forEach = <T>(
  values: Iterable<T>,
  lie: (answer: Answer, value: T, others: readonly Answer[]) => ReturnType<Lie>,
): Lie[] => Array.from(values, (value) => (answer, others) => lie(answer, value, others))

/** The same with every message in turn. */
const atEach = (
  lie: (answer: Answer, at: number, others: readonly Answer[]) => ReturnType<Lie>,
): Lie[] =>
  forEach(Array(12).keys(), (answer, at, others) => lie(answer, at % answer.length, others))

const firstAndMiddle = [0, 5]

const without = (answer: Answer, at: number) => answer.filter((_, index) => index !== at)
const withIn = (answer: Answer, at: number, ...more: Message[]) => [
  ...answer.slice(0, at),
  ...more,
  ...answer.slice(at),
]
const instead = (answer: Answer, at: number, ...other: Message[]) =>
  withIn(without(answer, at), at, ...other)
const malformed = (answer: Answer, at: number, length: number) => {
  const bytes = toBytes(answer[at] ?? ready())
  bytes.writeUInt32BE(length, 1)
  return [...answer.slice(0, at), bytes, ...answer.slice(at + 1)]
}
/** The messages of this type in the last answers that another user got. */
const anothers = (answer: Answer, at: number, others: readonly Answer[]) => {
  const own = answer[at]
  const other = others.findLast(
    (each) =>
      each.length === answer.length && !each[2]?.body.equals(answer[2]?.body ?? Buffer.of()),
  )?.[at]
  return own === undefined || other?.type !== own.type ? answer : instead(answer, at, other)
}

/** What a server or a pooler can do wrong, each in every place of an answer. */
const lies: Record<string, Lie[]> = {
  'a message is missing': atEach(without),
  'a message comes twice': atEach((answer, at) => withIn(answer, at, answer[at] ?? ready())),
  'two messages are in the wrong order': atEach((answer, at) => {
    const moved = answer[at]
    return moved === undefined ? answer : withIn(without(answer, at), at + 1, moved)
  }),
  'one ReadyForQuery too many comes in the middle': atEach((answer, at) =>
    withIn(answer, at, ready()),
  ),
  // Once the number of the transaction is there, an error may be its own.
  'the error of somebody else comes before the answer': atEach((answer, at) =>
    withIn(
      answer,
      at % answer.findIndex(({ type }) => type === 'D'),
      errorMessage('TD429', 'ERROR', 'somebody else’s'),
      ready(),
    ),
  ),
  'one ReadyForQuery too many comes behind an error': atEach((answer, at) => [
    ...answer.slice(0, at),
    ...[errorMessage('22012'), ready(), ready()],
  ]),
  'a message is somebody else’s': atEach(anothers),
  'the answer is somebody else’s': Array(3).fill(
    (answer: Answer, others: readonly Answer[]) => others.at(-1) ?? answer,
  ),
  'the answer is followed by somebody else’s': [
    (answer, others) => [...answer, ...(others.at(-1) ?? [])],
  ],
  'there is no answer, and the next comes': [() => []],
  'the status is another': forEach(['T', 'E', 'X', '', 'II'], (answer, status) =>
    instead(answer, answer.length - 1, ready(status)),
  ),
  'a row has other columns': forEach([0, 1, 7, 9, 30_000], (answer, count) => {
    const row = dataRow(Array(count).fill('other'))
    return answer.map((each, at) => (each.type === 'D' && at > 3 ? row : each))
  }),
  'the rows are missing, and not counted': atEach((answer, at) =>
    answer
      .filter(({ type }, index) => type !== 'D' || index < 4)
      .map((each) =>
        each.type === 'C' ? message('C', ['SELECT\0', '\0', 'x\0'][at % 3] ?? '') : each,
      ),
  ),
  'the columns are described as others': forEach(
    [[], ['id'], ['user_id'], ['title', 'title', 'user_id']],
    (answer, names) => answer.map((each) => (each.type === 'T' ? description(names) : each)),
  ),
  'a message has no readable length': [0, 1, 3, 2 ** 31, 2 ** 32 - 1].flatMap((length) =>
    forEach(firstAndMiddle, (answer, at) => malformed(answer, at, length)),
  ),
  'a message is too short for its contents': atEach((answer, at) => {
    const { type = 'Z', body = Buffer.of() } = answer[at] ?? {}
    return instead(answer, at, { type, body: body.subarray(0, Math.max(0, body.length - 1)) })
  }),
  'a message is of a kind that nobody asked for': [...'RKGHWVsctd\0\xff'].flatMap((type) =>
    forEach(firstAndMiddle, (answer, at) => withIn(answer, at, message(type, 'x'))),
  ),
  'the connection ends in the middle': atEach((answer, at) => [...answer.slice(0, at), 'reset']),
  'the answer ends at any byte': forEach(Array(16).keys(), (answer, part) => [
    Buffer.concat(answer.map(toBytes)).subarray(0, 13 * part),
    'end',
  ]),
  'there are only zeros': [() => [Buffer.alloc(64)]],
}

let server: LyingPostgres
let transport: Transport
let mismatches: unknown[]

beforeEach(async () => {
  server = await startLyingPostgres()
  mismatches = []
})
afterEach(async () => {
  await transport?.close()
  await server?.close()
})

function open(namedStatements?: boolean, overrides = {}) {
  transport = openPostgres({
    ...{ ...options, url: server.url, poolSize: 5, namedStatements, connectTimeoutMs: 1000 },
    onMismatch: (error) => mismatches.push(error),
    ...overrides,
  })
}

const failures = new Set(['unavailable', 'internal', 'overloaded'])

/** Asks as one user for a page, a task, or a flip. @throws if it got what is another's */
async function ask(user: string, round: number): Promise<'served' | 'failed'> {
  const db = openCallerDatabase(transport, user, options.limits)
  try {
    const found =
      round % 3 === 0
        ? (await listTaskRows(db, user, { ...page, withTotal: round % 2 === 0 })).tasks
        : [
            await (round % 3 === 1 ? findTaskRow : completeTaskRow)(
              db,
              user,
              id,
              undefined as never,
            ),
          ]
    for (const task of found) expect(task).toMatchObject({ title: secretOf(user), user_id: user })
    expect(found).toHaveLength(1)
    return 'served'
  } catch (error) {
    if (!isDatabaseError(error)) throw error
    expect(failures).toContain(error.kind)
    expect(error.detail).toBeUndefined()
    return 'failed'
  }
}

/** Asks as all users at once, and says how it ended for each. */
const askAll = (round: number) => Promise.all(users.map((user) => ask(user, round)))
const everybody = users.map(() => 'served')

describe.each([false, true])('with named statements: %s', (namedStatements) => {
  test.each(Object.entries(lies))(
    'where %s, nobody gets what is another’s, with and without others behind it',
    async (_, some) => {
      open(namedStatements, { poolSize: 40 })
      const asked: ReturnType<typeof ask>[] = []
      for (const [index, lie] of some.entries()) {
        for (const count of [1, 12]) {
          const told = server.lieOnce(lie)
          // Others than before, since those who are in doubt are told so only after a while.
          for (let at = 0; at < count; at += 1) asked.push(ask(`${index} of ${count}, ${at}`, at))
          await told
          // The service has read it, and what comes next is on another connection.
          await sleep(5)
        }
      }
      expect(await Promise.all(asked)).toContain('served')
      // A server that is honest again is believed at once.
      expect(await askAll(1)).toEqual(everybody)
    },
  )
})

/** What a server says where it ends a connection that is idle. */
const idleError = (severity: string) => message('E', `${severity}C08P01\0Mclient idle timeout\0\0`)

test('an answer may come in pieces, wherever it is cut', async () => {
  open()
  const whole = Buffer.concat([toBytes(ready()), toBytes(ready())]).length
  let bytes = whole
  for (let at = 1; at < bytes; at += 1) {
    const told = server.lieOnce((answer) => {
      const all = Buffer.concat(answer.map(toBytes))
      bytes = all.length
      return [all.subarray(0, at), { waitMs: 1 }, all.subarray(at)]
    })
    expect(await ask('user-0', 0)).toBe('served')
    await told
  }
  expect(bytes).toBeGreaterThan(whole)
  expect(server.connections()).toBe(1)
})

test.each([
  ['no answer', ready(), 'mismatch'],
  ['an error that ends it', idleError('SFATAL\0VFATAL\0'), 'fault'],
  // PgBouncer names the severity in the field alone that Postgres translates.
  ['an error of PgBouncer that ends it', idleError('SFATAL\0'), 'fault'],
])('%s on an idle connection closes it, and is told once', async (_, came, told) => {
  const all: string[] = []
  open(false, { onFault: () => all.push('fault'), onMismatch: () => all.push('mismatch') })
  server.lieOnce((answer) => [...answer, { waitMs: 50 }, came])
  expect(await ask('user-0', 1)).toBe('served')
  await expect.poll(() => all).toEqual([told])
  await expect.poll(() => server.resets()).toBe(1)
  expect(await askAll(1)).toEqual(everybody)
  expect(all).toEqual([told])
})

const rowsIn = (answer: Answer) =>
  answer.flatMap(({ type }, index) => (type === 'D' ? [index] : []))

test.each<[string, Lie]>([
  ['an answer to another transaction', (answer, others) => others.at(-1) ?? answer],
  [
    'an answer without the number of its transaction',
    (answer) => without(answer, rowsIn(answer)[0] ?? 0),
  ],
  ['0 rows instead of 1', (answer) => without(answer, rowsIn(answer)[1] ?? 0)],
  ['2 rows instead of 1', (answer) => withIn(answer, rowsIn(answer)[1] ?? 0, dataRow(['1']))],
  [
    'a message of the type "D"',
    (answer) => {
      const at = rowsIn(answer)[1] ?? 0
      return withIn(without(answer, at), at - 1, dataRow(['1']))
    },
  ],
  [
    'an error of another: TD429',
    (answer) => [
      ...answer.slice(0, rowsIn(answer)[1] ?? 0),
      ...[errorMessage('22012'), errorMessage('TD429'), ready()],
    ],
  ],
  ...['T', 'E', 'X'].map((status): [string, Lie] => [
    'a transaction is open',
    (answer) => instead(answer, answer.length - 1, ready(status)),
  ]),
])('%s is not believed, although nothing else tells it apart', async (says, lie) => {
  for (const namedStatements of [false, true]) {
    mismatches = []
    open(namedStatements)
    // The same statements with the same rows as before, and with names as well.
    for (let round = 0; round < 3; round += 1) await transport.transaction(look, 8000)
    const told = server.lieOnce(lie)
    const asked = transport.transaction(look, 8000)
    await expect(asked).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: true })
    await told
    expect(mismatches).toMatchObject([{ message: expect.stringContaining(says) }])
    await transport.close()
  }
})

test('statements have names while no pooler stands between, and once one was met never again', async () => {
  const parsed: number[] = []
  server.lieAlways((answer) => {
    parsed.push(answer.filter(({ type }) => type === '1').length)
    return answer
  })
  open(undefined, { poolSize: 1 })
  const look = async (times: number) => {
    for (let time = 0; time < times; time += 1)
      await transport.transaction([{ sql: 'select 1', parameters: [] }], 8000)
  }
  // Before the first answer nobody knows; then the names are made, and then they are known.
  await look(3)
  server.standBetween(true)
  await look(2)
  server.standBetween(false)
  await look(2)
  expect(parsed).toEqual([2, 2, 0, 0, 2, 2, 2])
})

test('a pooler that passes for Postgres and stumbles over names is sent none any more', async () => {
  // As pgpool-II does where it is to forget a name that it has never heard.
  server.lieAlways((answer) => answer.flatMap((each) => (each.type === '3' ? [each, each] : each)))
  open()
  const served: boolean[] = []
  for (let time = 0; time < 4; time += 1) {
    const asked = transport.transaction(look, 8000)
    served.push(await asked.then(...[() => true, () => false]))
  }
  expect(served).toEqual([true, false, true, true])
})

test('with less than a second left, nothing is sent', async () => {
  open()
  expect(await ask('user-0', 1)).toBe('served')
  const ran = server.ran.length
  const late = transport.transaction(look, 900)
  await expect(late).rejects.toMatchObject({ kind: 'overloaded', mayHaveRun: false })
  expect(server.ran).toHaveLength(ran)
})

test('a close waits for an answer for as long as a connection may take to open, and not longer', async () => {
  open(false, { poolSize: 1 })
  expect(await ask('user-0', 1)).toBe('served')
  server.lieOnce((answer) => [{ waitMs: 6000 }, ...answer])
  const inDoubt = { kind: 'unavailable', mayHaveRun: true }
  const asked = expect(transport.transaction(look, 60_000)).rejects.toMatchObject(inDoubt)
  await turn()
  await transport.close()
  await asked
})

test('who meets a lock is sent again once, where nobody is put behind', async () => {
  open(false, { poolSize: 2 })
  expect(await ask('user-0', 1)).toBe('served')
  let [attempts, isOver] = [0, false]
  const isSentAgain = Promise.withResolvers<void>()
  server.lieAlways((answer) => {
    if (!answer.some(({ type }) => type === 'E')) return answer
    attempts += 1
    if (attempts === 1) return answer
    isSentAgain.resolve()
    return [{ waitMs: 1500 }, ...answer]
  })
  const meetsLock = { sql: 'select $1', parameters: ['fails with 55P03'] }
  const held = transport.transaction([meetsLock], 8000).finally(() => {
    isOver = true
  })
  const failed = expect(held).rejects.toMatchObject({ sqlState: '55P03', mayHaveRun: false })
  await isSentAgain.promise
  expect(await ask('user-1', 1)).toBe('served')
  expect(isOver).toBe(false)
  await failed
  expect(attempts).toBe(2)
})

test('once it is closed, nobody waits for a turn: not who waits already, nor who met a lock, nor who comes', async () => {
  open(false, { poolSize: 1 })
  expect(await ask('user-0', 1)).toBe('served')
  server.lieOnce((answer) => [{ waitMs: 300 }, ...answer])
  const send = (user: string, ...parameters: string[]) =>
    transport.transaction([{ sql: 'select $1', parameters }], 30_000, { user })
  const held = send('holder', 'fails with 55P03')
  const own = Array.from({ length: 6 }, () => send('greedy', 'x'))
  const ended = Promise.allSettled([held, ...own, ...users.map((user) => send(user, 'x'))])
  await turn()
  const waiting = transport.poolLoad?.().waiting ?? 0
  const startedAt = performance.now()
  await transport.close()
  const closed = { kind: 'unavailable', mayHaveRun: false }
  await expect(send('late', 'x')).rejects.toMatchObject(closed)
  const refused = (await ended).filter(({ status }) => status === 'rejected')
  expect(refused).toMatchObject(Array.from({ length: 1 + waiting }, () => ({ reason: closed })))
  // Each of them had half of thirty seconds for its turn.
  expect(performance.now() - startedAt).toBeLessThan(8000)
  expect(server.connections()).toBe(1)
})

test('a message that is cut in two behind the first ReadyForQuery of a connection harms nobody', async () => {
  open()
  server.lieAtHello((messages) => {
    const all = Buffer.concat([...messages, message('S', 'TimeZone\0UTC\0')].map(toBytes))
    return [all.subarray(0, -6), { waitMs: 30 }, all.subarray(-6)]
  })
  expect(await askAll(1)).toEqual(everybody)
  expect(mismatches).toEqual([])
})

test('whatever comes where a connection begins, the process lives, and the next one serves', async () => {
  open(false, { connectTimeoutMs: 150 })
  // The welcome has four messages.
  const hellos: Lie[] = [
    () => [],
    () => ['end'],
    () => [Buffer.alloc(64)],
    () => [Buffer.alloc(64, 0xff)],
    () => [ready(), ready(), ready()],
    ...forEach([0, 1, 2, 3], without),
    ...forEach([0, 1, 2, 3], (answer, at) => withIn(answer, at, answer[at] ?? ready())),
    ...forEach('RDTCEZ1tG', (answer, type) => [message(type, 'x'), ...answer]),
    ...forEach([0, 3, 2 ** 31], (answer, length) => malformed(answer, 0, length)),
  ]
  for (const hello of hellos) {
    server.lieAtHello((messages) => hello(messages, []))
    server.reset()
    await ask('user-0', 1)
    server.beHonest()
    expect(await ask('user-1', 1)).toBe('served')
  }
})
