import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isDatabaseError } from '#db/errors'
import type { Row } from '#db/transports/transport'
import {
  errorMessage,
  type Lie,
  message,
  ready,
  startLyingPostgres,
} from '#tests/database/lying-postgres'

const below = (count: number) => Math.floor(Math.random() * count)
const some = <T>(of: readonly T[]): T | undefined => of[below(of.length)]

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

const kinds = ['unavailable', 'overloaded', 'abandoned']

test.each([
  ['while requests come', true],
  ['once all requests are over', false],
])(
  'whatever happens to connections, locks and clients, every request ends, and a close %s leaves nothing behind',
  async (_, isClosedEarly) => {
    for (let round = 0; round < 8; round += 1) {
      const server = await startLyingPostgres()
      server.lieAlways((answer, others) => {
        const lie = below(5) === 0 ? some(answerLies) : undefined
        return lie?.(answer, others) ?? answer
      })
      server.lieAtHello((hello) => {
        const lie = below(3) === 0 ? some(helloLies) : undefined
        return lie?.(hello, []) ?? hello
      })
      const transport = server.open({
        ...{ poolSize: 1 + below(3), queueLimit: 60, namedStatements: round % 2 === 0 },
        ...{ connectTimeoutMs: 400, requestTimeoutMs: 2000 },
      })

      const send = async (): Promise<readonly Row[]> => {
        const user = `user-${below(12)}`
        const client = new AbortController()
        if (below(5) === 0) setTimeout(() => client.abort(), below(200))
        const bind = { sql: 'select $1, $2, app.user_id', parameters: ['x', user] }
        const read = { sql: 'select * from "tasks"', parameters: [], owner: user }
        const [, rows = []] = await transport.transaction(
          [
            { ...bind, onlySets: true },
            { ...read, isLong: below(3) === 0 },
          ],
          1500,
          { user, signal: () => client.signal, isProbe: below(40) === 0 },
        )
        expect(rows.filter((row) => row['user_id'] !== user)).toEqual([])
        return rows
      }

      const asked: Promise<readonly Row[]>[] = []
      let closing: Promise<void> | undefined
      for (let count = 0; count < 400; count += 1) {
        const sent = send()
        // It is looked at in the end.
        sent.catch(() => {})
        asked.push(sent)
        if (below(3) === 0) await sleep(below(8))
        if (isClosedEarly && count === 200) closing = transport.close()
      }
      for (const outcome of await Promise.allSettled(asked)) {
        if (outcome.status === 'fulfilled') continue
        if (!isDatabaseError(outcome.reason)) throw outcome.reason
        expect(kinds).toContain(outcome.reason.kind)
      }
      await (closing ?? transport.close())
      expect(transport.poolLoad?.()).toEqual({ inUse: 0, idle: 0, waiting: 0 })
    }
  },
)
