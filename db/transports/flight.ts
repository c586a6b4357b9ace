import { DatabaseError, sqlStateOf, toDatabaseError } from '#db/errors'
import type { PipelinedTransaction } from '#db/transports/pipelined-transaction'
import type { Row } from '#db/transports/transport'

/** A transaction on its way over a connection that others use too. */
export class Flight {
  readonly transaction: PipelinedTransaction
  readonly user: string
  /** When the service stops waiting, by `performance.now()`. */
  readonly end: number
  /** Whether it may be cancelled and sent elsewhere, once, so that those behind it go on. */
  readonly mayMove: boolean
  /** When it was sent, and before that when it came. */
  since = performance.now()
  /** Whether a request to cancel may have met it, whomever it was meant for. */
  isHit = false
  isLate = false
  #timer: NodeJS.Timeout | undefined

  constructor(transaction: PipelinedTransaction, user: string, end: number, mayMove: boolean) {
    this.transaction = transaction
    this.user = user
    this.end = end
    this.mayMove = mayMove
  }

  /** Calls what is given when this part of the time that is left is over, unless called again. */
  after(share: number, act: () => void): void {
    clearTimeout(this.#timer)
    const timeLeftMs = Math.max(0, this.end - performance.now())
    this.#timer = setTimeout(act, timeLeftMs * share)
  }

  /**
   * @returns undefined where it was cancelled, without effect, and has time to be sent again
   * @throws DatabaseError
   */
  outcome(): Promise<Row[][] | undefined> {
    return this.transaction.results.then(
      (rows) => {
        clearTimeout(this.#timer)
        return rows
      },
      (error) => {
        clearTimeout(this.#timer)
        return this.#failure(error)
      },
    )
  }

  #failure(error: unknown): undefined {
    const sqlState = sqlStateOf(error)
    if (sqlState === '57014' && this.isHit && !this.isLate) return undefined
    if (this.transaction.named !== undefined && staleNames.includes(sqlState ?? '')) {
      // With the names forgotten, the next attempt gives them anew.
      this.transaction.named.clear()
      const meaning = { kind: 'internal', transient: true, mayHaveRun: false } as const
      throw new DatabaseError(`SQLSTATE ${sqlState}`, { ...meaning, sqlState, cause: error })
    }
    throw toDatabaseError(error, mayHaveRun(sqlState, this.transaction))
  }
}

/** Said of a named statement that returns something else since a migration, or that is not there. */
const staleNames = ['0A000', '26000']

/**
 * What Postgres refused was rolled back. Nobody knows the end of a transaction whose connection
 * broke (class 08 is a pooler's word for that), or whose every statement was answered before
 * Postgres ended the connection.
 */
function mayHaveRun(sqlState: string | undefined, { isSent, isAnswered }: PipelinedTransaction) {
  if (sqlState === undefined) return isSent
  return sqlState.startsWith('08') || (isAnswered && /^(57P|25P04)/.test(sqlState))
}
