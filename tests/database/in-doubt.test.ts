import { afterEach, beforeEach, expect, test } from 'vitest'
import { isDatabaseError } from '#db/errors'
import { openCallerDatabase } from '#db/scoped'
import { completeTaskRow, deleteTaskRow } from '#db/tasks/tasks'
import { openPostgres } from '#db/transports/postgres/postgres'
import type { Transport } from '#db/transports/transport'
import {
  errorMessage,
  type Lie,
  type LyingPostgres,
  message,
  ready,
  startLyingPostgres,
  toBytes,
} from '#tests/database/lying-postgres'
import { options } from '#tests/support/databases'

/** What its client is told of a write: that it ran, that it did not, or to look first. */
type Fate = 'served' | 'rolled back' | 'in doubt'

interface Happening {
  readonly what: string
  /** What comes in place of the answer to the first of those that were sent. */
  readonly lie: Lie
  readonly first: Fate
  readonly behind: Fate
}

const fatal = (sqlState: string, severity = 'FATAL') => errorMessage(sqlState, severity)

/** ADR 0063 has the same table. */
const happenings: Happening[] = [
  {
    what: 'an ERROR',
    lie: (answer) => [...answer.slice(0, 4), errorMessage('40001'), ready()],
    first: 'served',
    behind: 'served',
  },
  ...['FATAL', 'PANIC'].flatMap((severity): Happening[] => [
    {
      what: `${severity}, before anything was answered`,
      lie: () => [fatal('57P01', severity), 'end'],
      first: 'served',
      behind: 'served',
    },
    {
      what: `${severity}, in the middle of the statements`,
      lie: (answer) => [...answer.slice(0, 6), fatal('57P01', severity), 'end'],
      first: 'served',
      behind: 'served',
    },
    {
      what: `${severity}, when every statement was answered`,
      lie: (answer) => [...answer.slice(0, -1), fatal('57P01', severity), 'end'],
      first: 'in doubt',
      behind: 'served',
    },
  ]),
  {
    what: 'a FATAL of a transaction that took too long',
    lie: (answer) => [...answer.slice(0, 4), fatal('25P04'), 'end'],
    first: 'rolled back',
    behind: 'served',
  },
  {
    what: 'a FATAL of class 08, with which a pooler says that a connection behind it broke',
    lie: (answer) => [...answer.slice(0, 4), fatal('08006'), 'end'],
    first: 'in doubt',
    behind: 'in doubt',
  },
  {
    what: 'a FATAL of another code, with which other poolers say so',
    lie: (answer) => [...answer.slice(0, 4), fatal('XX000'), 'end'],
    first: 'in doubt',
    behind: 'in doubt',
  },
  {
    what: 'a FATAL as PgBouncer writes it',
    lie: () => [message('E', 'SFATAL\0C08P01\0Mserver conn crashed?\0\0'), 'end'],
    first: 'in doubt',
    behind: 'in doubt',
  },
  { what: 'the wire broke', lie: () => ['reset'], first: 'in doubt', behind: 'in doubt' },
  { what: 'the connection ended', lie: () => ['end'], first: 'in doubt', behind: 'in doubt' },
  {
    what: 'what came is no answer',
    lie: (answer) => [ready(), ...answer],
    first: 'in doubt',
    behind: 'in doubt',
  },
  {
    what: 'what came with the answer is no answer',
    // In one piece: who takes the room of the first is not written yet.
    lie: (answer) => [Buffer.concat([...answer, ready()].map(toBytes))],
    first: 'served',
    behind: 'in doubt',
  },
]

let server: LyingPostgres
let transport: Transport

beforeEach(async () => {
  server = await startLyingPostgres()
  transport = openPostgres({ ...options, url: server.url, poolSize: 1 })
})
afterEach(async () => {
  await transport.close()
  await server.close()
})

const id = crypto.randomUUID()

async function write(user: string, isFlip: boolean): Promise<Fate> {
  const db = openCallerDatabase(transport, user, options.limits)
  try {
    await (isFlip ? completeTaskRow(db, user, id, undefined) : deleteTaskRow(db, user, id))
    return 'served'
  } catch (error) {
    if (!isDatabaseError(error)) throw error
    expect(error.kind).toBe('unavailable')
    return error.mayHaveRun ? 'in doubt' : 'rolled back'
  }
}

test.each(happenings)(
  '$what: the first is $first, those behind it are $behind',
  async (happening) => {
    const { lie, first, behind } = happening
    // The connection is open, so that sixteen are sent at once, which is all that it takes.
    await transport.transaction([{ sql: 'select 1', parameters: [] }], 5000)
    server.lieOnce(lie)
    const users = Array.from({ length: 20 }, (_, index) => `user-${index}`)
    const fates = await Promise.all(users.map((user, index) => write(user, index % 2 === 0)))
    expect(fates.slice(0, 1)).toEqual([first])
    expect(fates.slice(1, 16)).toEqual(users.slice(1, 16).map(() => behind))
    // What was not sent yet goes over the next connection.
    expect(fates.slice(16)).toEqual(users.slice(16).map(() => 'served'))
  },
)
