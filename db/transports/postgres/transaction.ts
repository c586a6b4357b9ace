import { type DatabaseError as PgError, serialize } from 'pg-protocol'
import { DatabaseError, refuseRow, toDatabaseError } from '#db/errors'
import {
  type Column,
  endsWithText,
  isOfFirstStatement,
  nameOf,
  readColumns,
  readCount,
  readRow,
  toText,
  unexpected,
  writeStatement,
} from '#db/transports/postgres/wire'
import { patienceShare, type Sending, withTimeLimits } from '#db/transports/time-limits'
import type { Place, Row, Statement } from '#db/transports/transport'

/** What a connection knows by name, with the columns of the answers; null for what gets no name. */
export type Names = Map<string, readonly Column[] | null>

const noColumns: readonly Column[] = []

interface Sent extends Statement {
  readonly name: string
  readonly isNew: boolean
  columns: readonly Column[] | undefined
  readonly rows: Row[]
}

/**
 * Several statements as one transaction in one round trip: all of them are written at once, with a
 * single Sync behind the last. Postgres runs what comes before a Sync as one transaction and, after
 * an error, skips to the Sync. So no statement can run without the one before it (ADR 0010).
 *
 * It believes an answer only if each message of it is the one that comes next, and the first
 * statement has returned the number of this transaction (ADR 0063).
 */
export class Transaction {
  readonly statements: readonly Statement[]
  readonly number = crypto.randomUUID()
  /** When it is given up, by `performance.now()`. */
  readonly end: number
  readonly place: Place
  readonly outcome = Promise.withResolvers<Row[][]>()
  /** When its connection is closed. */
  cutAt = Number.POSITIVE_INFINITY
  /** Whether no pooler passed it on, as soon as that is known. */
  isDirect: boolean | undefined
  #names: Names | undefined
  #sent: readonly Sent[] = []
  /** The types of the messages that are due. */
  #expected = ''
  #at = 0
  #answered = 0
  #isMatched = false
  #error: PgError | undefined

  /** @throws DatabaseError where a parameter cannot be sent */
  constructor(statements: readonly Statement[], end: number, place: Place) {
    const asTexts = (each: Statement) => ({ ...each, parameters: each.parameters.map(toText) })
    this.statements = statements.map(asTexts)
    this.end = end
    this.place = place
  }

  /** Whether every statement was answered; what they did is kept only by the commit after all. */
  get isAnswered(): boolean {
    return this.#sent.length > 0 && this.#answered === this.#sent.length
  }

  go(connection: { send(transaction: Transaction): void }): void {
    connection.send(this)
  }

  /** @returns the messages to be sent now */
  write(sending: Sending, names?: Names): Buffer[] {
    const timeLeftMs = this.end - performance.now()
    this.cutAt = this.end - timeLeftMs * (1 - patienceShare)
    this.#names = names
    const messages: Buffer[] = []
    const limited = withTimeLimits(this.statements, timeLeftMs, sending, this.number)
    this.#sent = limited.map((statement) => this.#write(messages, statement))
    this.#expected += 'Z'
    messages.push(serialize.sync())
    return messages
  }

  #write(messages: Buffer[], statement: Statement): Sent {
    const key = this.#names === undefined ? '' : nameOf(statement.sql)
    const known = this.#names?.get(key)
    const name = known === null ? '' : key
    const isNew = !known
    const written = writeStatement(statement, name, isNew, isNew && statement.onlySets !== true)
    messages.push(...written.messages)
    this.#expected += written.answers
    return { ...statement, name, isNew, columns: known ?? undefined, rows: [] }
  }

  /**
   * Takes the next message of the answer, other than an ErrorResponse.
   *
   * @returns whether it was the last: the transaction is committed, or rolled back
   * @throws Error where another one was to come
   */
  read(type: string, bytes: Buffer, start: number, end: number): boolean {
    const expected = this.#expected[this.#at]
    const sent = this.#sent[this.#answered]
    if (type === 'Z' && expected === 'Z') {
      if (bytes.toString('latin1', start, end) !== 'I') throw new Error('a transaction is open')
      this.#settle()
      return true
    }
    // NoData in place of columns, rows before CommandComplete.
    const isInPlace = (type === 'n' && expected === 'T') || (type === 'D' && expected === 'C')
    if ((type !== expected && !isInPlace) || sent === undefined) throw unexpected(type)
    if (type === 'D') this.#readRow(sent, bytes, start, end)
    else this.#at += 1
    if (type === 'T') sent.columns = readColumns(bytes, start, end)
    else if (type === 'n') sent.columns = noColumns
    else if (type === 'C') this.#complete(sent, readCount(bytes, start, end))
    return false
  }

  #readRow({ columns, rows, owner }: Sent, bytes: Buffer, start: number, end: number): void {
    if (this.#answered === 0) {
      const isOwn = !this.#isMatched && endsWithText(bytes, start, end, this.number)
      if (!isOwn) throw new Error('an answer to another transaction')
      this.#isMatched = true
      this.isDirect = bytes[end - this.number.length - 5] === 0x74 // t, of true
    } else if (columns !== undefined) {
      const row = readRow(bytes, start, end, columns)
      if (owner !== undefined && row['user_id'] !== owner) refuseRow()
      rows.push(row)
    }
  }

  #complete({ columns = noColumns, rows }: Sent, count: number): void {
    if (!this.#isMatched) throw new Error('an answer without the number of its transaction')
    const isWhole = columns === noColumns || count === rows.length
    if (!isWhole) throw new Error(`${rows.length} rows instead of ${count}`)
    this.#answered += 1
  }

  /** Takes an error that rolls it back. @throws Error where it is not the error of this transaction */
  takeError(error: PgError): void {
    // Before the number, anything else would be the error of another transaction.
    const isOwn = this.#isMatched || isOfFirstStatement(error)
    if (!isOwn || this.#error !== undefined) throw new Error(`an error of another: ${error.code}`)
    this.#error = error
    this.#at = this.#expected.length - 1
  }

  #settle(): void {
    const cause = this.#error
    if (cause === undefined) {
      for (const { name, isNew, columns = noColumns } of this.#sent) {
        if (isNew && name !== '') this.#names?.set(name, columns)
      }
      const asked = this.#sent.slice(-this.statements.length)
      this.outcome.resolve(asked.map(({ rows }) => rows))
      return
    }
    const { code: sqlState = '' } = cause
    // What returns something else since a migration gets no name any more: under it, PgBouncer would
    // still have the old one. Nor does what the server forgets, as it would again.
    const isStale = this.#names !== undefined && sqlState === '0A000'
    if (isStale) this.#names?.set(this.#sent[this.#answered]?.name ?? '', null)
    if (sqlState === '26000')
      for (const name of this.#names?.keys() ?? []) this.#names?.set(name, null)
    // Without the number nobody knows whether it is the error of this transaction.
    const meaning = { kind: 'internal', transient: true, mayHaveRun: !this.#isMatched } as const
    const stale = new DatabaseError(`SQLSTATE ${sqlState}`, { ...meaning, sqlState, cause })
    this.fail(isStale ? stale : cause, meaning.mayHaveRun)
  }

  /** Ends it with an error. @param mayHaveRun whether it may be committed all the same */
  fail(error: unknown, mayHaveRun = false): void {
    this.outcome.reject(toDatabaseError(error, mayHaveRun))
  }
}
