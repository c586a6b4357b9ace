import { DatabaseError, sqlStateOf, toDatabaseError } from '#db/errors'
import { cancel } from '#db/transports/cancel'
import { PipelinedTransaction } from '#db/transports/pipelined-transaction'
import type { PooledClient } from '#db/transports/pooled-client'
import { patienceShare, withTimeLimits } from '#db/transports/time-limits'
import type { Row, Statement } from '#db/transports/transport'

interface Surroundings {
  /** The statements that the connection knows by name; undefined to name none. */
  readonly names: Set<string> | undefined
  readonly cancelTimeoutMs: number
  /** Called when Postgres has answered. */
  readonly heard: () => void
  /** Called when Postgres has nothing more to do on the connection. */
  readonly leave: () => void
}

/**
 * Runs a transaction on a connection of the pool, and gives the connection back.
 *
 * Postgres gives up by its own clocks first. Where its answer is late all the same, it is asked to
 * cancel: one Sync is behind the whole pipeline, so what is cancelled is all that was left of it.
 *
 * @throws DatabaseError
 */
export async function runOn(
  client: PooledClient,
  statements: readonly Statement[],
  timeoutMs: number,
  surroundings: Surroundings,
): Promise<Row[][]> {
  const { names, heard, leave, cancelTimeoutMs } = surroundings
  const limited = withTimeLimits(statements, timeoutMs)
  const transaction = new PipelinedTransaction(limited, names)
  let cancelling: Promise<boolean> | undefined
  const askToCancel = () => {
    cancelling ??= cancel(client, cancelTimeoutMs)
    return cancelling
  }
  const late = setTimeout(askToCancel, timeoutMs * patienceShare)
  const end = setTimeout(() => {
    transaction.handleError(new Error('query read timeout'))
  }, timeoutMs)
  try {
    client.query(transaction)
    const [, ...results] = await transaction.results
    heard()
    return results
  } catch (error) {
    const sqlState = sqlStateOf(error)
    if (sqlState !== undefined) heard()
    if (names !== undefined && staleNames.includes(sqlState ?? '')) {
      // With the names forgotten, the next attempt gives them anew.
      names.clear()
      const meaning = { kind: 'internal', transient: true, mayHaveRun: false } as const
      throw new DatabaseError(`SQLSTATE ${sqlState}`, { ...meaning, sqlState, cause: error })
    }
    throw toDatabaseError(error, mayHaveRun(sqlState, transaction))
  } finally {
    clearTimeout(late)
    clearTimeout(end)
    // A cancel request that arrives late would meet the next request on the connection.
    if (cancelling !== undefined) void close(client, transaction, askToCancel).then(leave)
    else if (transaction.state === 'synced') {
      client.release()
      leave()
    } else {
      void transaction.over(syncTimeoutMs).then(async () => {
        if (transaction.state === 'synced') client.release()
        else await close(client, transaction, askToCancel)
        leave()
      })
    }
  }
}

/** Postgres answers the Sync in one breath with an error, except where it ends the connection. */
const syncTimeoutMs = 500

/**
 * Closes a connection that must not serve another request. Its place stays taken until Postgres has
 * nothing more to do on it, or has been asked to stop, or cannot be reached.
 */
async function close(
  client: PooledClient,
  { state }: PipelinedTransaction,
  askToCancel: () => Promise<boolean>,
): Promise<void> {
  client.cut()
  client.release(true)
  if (state === 'under way') await askToCancel()
}

/** Said of a named statement that returns something else since a migration, or that a pooler lost. */
const staleNames = ['0A000', '26000']

/**
 * What Postgres refused was rolled back. Nobody knows the end of a transaction whose connection
 * broke (class 08 is a pooler's word for that), or whose every statement was answered before
 * Postgres ended the connection.
 */
function mayHaveRun(sqlState: string | undefined, { state, isAnswered }: PipelinedTransaction) {
  if (sqlState === undefined) return state !== 'unsent'
  return sqlState.startsWith('08') || (isAnswered && /^(57P|25P04)/.test(sqlState))
}
