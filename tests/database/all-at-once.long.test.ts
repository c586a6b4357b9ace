import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isDatabaseError } from '#db/errors'
import type { Statement, Transport } from '#db/transports/transport'
import {
  errorMessage,
  type Lie,
  message,
  ready,
  startLyingPostgres,
} from '#tests/database/lying-postgres'

const below = (count: number) => Math.floor(Math.random() * count)
const honest: Lie = (answer) => answer
const some = (of: readonly Lie[]): Lie => of[below(of.length)] ?? honest

/** What may become of an answer. */
const answerLies: Lie[] = [
  () => [errorMessage('57P01', 'FATAL'), 'end'],
  () => [errorMessage('08P01', 'FATAL'), 'end'],
  (answer) => [...answer.slice(0, below(answer.length)), errorMessage('57P01', 'FATAL'), 'end'],
  (answer) => [...answer.slice(0, below(answer.length)), 'reset'],
  (answer) => [...answer.slice(0, 4), errorMessage('55P03'), ready()],
  (answer) => [{ waitMs: below(300) }, ...answer],
  (answer) => [...answer, ready()],
  () => [],
]

/** What may become of a connection that is opened. */
const helloLies: Lie[] = [
  () => [errorMessage('53300', 'FATAL'), 'end'],
  () => ['end'],
  () => [message('X', 'x')],
  (hello) => [{ waitMs: below(600) }, ...hello],
]

const connectTimeoutMs = 400

const kinds = ['unavailable', 'overloaded', 'abandoned']

/** Sends a transaction as one of twelve users, whose client may go before it is answered. */
async function send(transport: Transport): Promise<void> {
  const user = `user-${below(12)}`
  const client = new AbortController()
  if (below(5) === 0) setTimeout(() => client.abort(), below(200))
  const bind: Statement = {
    sql: 'select $1, $2, app.user_id',
    parameters: ['x', user],
    onlySets: true,
  }
  const read = { sql: 'select * from "tasks"', parameters: [], owner: user }
  const place = {
    user,
    signal: () => client.signal,
    ...{ isProbe: below(40) === 0, isLong: below(3) === 0, isWrite: below(2) === 0 },
  }
  try {
    const [, rows = []] = await transport.transaction([bind, read], 1500, place)
    expect(rows.filter((row) => row['user_id'] !== user)).toEqual([])
  } catch (error) {
    if (!isDatabaseError(error)) throw error
    expect(kinds).toContain(error.kind)
  }
}

/** A server that is honest serves everybody, however often they have failed before. */
async function expectServed(transport: Transport): Promise<void> {
  // By then no connection is being opened that began while it lied.
  await sleep(connectTimeoutMs)
  const look = [{ sql: 'select 1', parameters: [] }]
  for (let user = 0; user < 12; user += 1) {
    await transport.transaction(look, 5000, { user: `user-${user}` })
  }
}

test.each([
  ['while requests come', true],
  ['once all requests are over', false],
])(
  'whatever happens to connections, locks and clients, every request ends, and a close %s leaves nothing behind',
  async (_, isClosedEarly) => {
    for (let round = 0; round < 8; round += 1) {
      const server = await startLyingPostgres()
      server.always = (...told) => (below(5) > 0 ? honest : some(answerLies))(...told)
      server.hello = (...told) => (below(3) > 0 ? honest : some(helloLies))(...told)
      const transport = server.open({
        ...{ poolSize: 1 + below(3), queueLimit: 60, namedStatements: round % 2 === 0 },
        ...{ connectTimeoutMs, requestTimeoutMs: 2000 },
      })
      const asked: Promise<void>[] = []
      let closing: Promise<void> | undefined
      for (let count = 0; count < 400; count += 1) {
        asked.push(send(transport))
        if (below(3) === 0) await sleep(below(8))
        if (isClosedEarly && count === 200) closing = transport.close()
      }
      await Promise.all(asked)
      server.beHonest()
      if (!isClosedEarly) await expectServed(transport)
      await (closing ?? transport.close())
      expect(transport.poolLoad?.()).toEqual({ inUse: 0, idle: 0, waiting: 0 })
    }
  },
)
