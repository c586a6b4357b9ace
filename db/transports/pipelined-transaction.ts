import { serialize } from 'pg-protocol'
import { type Column, hasColumns, readColumns, readRow } from '#db/transports/columns'
import { nameOf } from '#db/transports/statement-names'
import { withTimeLimits } from '#db/transports/time-limits'
import type { Row, Statement } from '#db/transports/transport'

/** What may be sent as text; anything else would be written differently by each driver. */
function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new TypeError(`A statement's parameter cannot be of the type ${typeof value}.`)
}

/** The statements that a connection knows by name, with the columns of their answers. */
export type NamedStatements = Map<string, readonly Column[]>

/** A statement on its way. */
interface Sent {
  readonly name: string
  readonly isNew: boolean
  /** Undefined before Postgres has described them, and where nobody asks for the rows. */
  columns: readonly Column[] | undefined
  readonly rows: Row[]
}

/**
 * Several statements as one transaction in one round trip: all of them are written at once, with a
 * single Sync behind the last. Postgres runs what comes before a Sync as one transaction and, after
 * an error, skips to the Sync. So no statement can run without the one before it, which a `begin`
 * that is awaited with the rest cannot promise: where it alone is cancelled, the rest runs bare.
 *
 * Several may be under way on one connection: Postgres runs and answers them one after the other.
 */
export class PipelinedTransaction {
  /** The rows of each statement, once Postgres has answered the Sync. */
  readonly results: Promise<Row[][]>
  isSent = false
  /** The statements that the connection knows by name; undefined to name none. */
  named: NamedStatements | undefined
  readonly #statements: readonly Statement[]
  readonly #end: number
  /** The statements with the time limits, once they are sent. */
  #sent: readonly Sent[] = []
  #answered = 0
  #error: unknown
  #resolve: (rows: Row[][]) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  /** @param end when the service stops waiting, by `performance.now()` */
  constructor(statements: readonly Statement[], end: number) {
    this.#statements = statements.map(({ sql, parameters, onlySets }) => ({
      sql,
      parameters: parameters.map(toText),
      onlySets,
    }))
    this.#end = end
    this.results = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** @returns the messages to be sent. @param named the statements that the connection knows */
  send(named: NamedStatements | undefined): Buffer[] {
    this.named = named
    this.isSent = true
    const messages: Buffer[] = []
    this.#sent = withTimeLimits(this.#statements, this.#end - performance.now()).map((each) =>
      this.#write(messages, each),
    )
    messages.push(serialize.sync())
    return messages
  }

  #write(messages: Buffer[], { sql, parameters, onlySets }: Statement): Sent {
    const name = this.named === undefined ? '' : nameOf(sql)
    const columns = this.named?.get(name)
    const isNew = columns === undefined
    if (isNew) {
      // An earlier transaction that failed may have left the name behind, and one that is still
      // under way may be about to.
      if (name !== '') messages.push(serialize.close({ type: 'S', name }))
      messages.push(serialize.parse({ text: sql, name }))
    }
    messages.push(serialize.bind({ values: [...parameters], statement: name }))
    if (isNew && onlySets !== true) messages.push(serialize.describe({ type: 'P' }))
    messages.push(serialize.execute())
    return { name, isNew, columns: onlySets ? undefined : columns, rows: [] }
  }

  described(bytes: Buffer, at: number): void {
    const statement = this.#sent[this.#answered]
    if (statement !== undefined) statement.columns = readColumns(bytes, at)
  }

  row(bytes: Buffer, at: number): void {
    const { columns, rows } = this.#sent[this.#answered] ?? {}
    if (columns === undefined) return
    if (hasColumns(bytes, at, columns)) rows?.push(readRow(bytes, at, columns))
    else {
      // Behind a pooler a migration may have changed what a name returns. It may have run.
      this.named?.clear()
      this.failed(new Error('a row has other columns than its statement had'))
    }
  }

  completed(): void {
    this.#answered += 1
  }

  /** Behind an error of Postgres' comes the answer to the Sync, or the end of the connection. */
  failed(error: Error): void {
    this.#error ??= error
  }

  /** To be called with the answer to the Sync: the transaction is committed, or rolled back. */
  synced(): void {
    if (this.#error !== undefined) {
      this.#reject(this.#error)
      return
    }
    for (const { name, isNew, columns = [] } of this.#sent) {
      if (isNew) this.named?.set(name, columns)
    }
    this.#resolve(this.#sent.slice(-this.#statements.length).map(({ rows }) => rows))
  }

  /** To be called where no answer to the Sync will come. An error of Postgres' says more. */
  fail(error: unknown): void {
    this.#reject(this.#error ?? error)
  }

  /** Whether every statement was answered; what they did is kept only by the commit after all. */
  get isAnswered(): boolean {
    return this.isSent && this.#answered === this.#sent.length
  }
}
