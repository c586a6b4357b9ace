import { type Connection, Query, types } from 'pg'
import { sqlStateOf } from '#db/errors'
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

/** A column of an answer, and what makes a value of its text. */
interface Column {
  readonly name: string
  readonly parse: (text: string) => unknown
}

/** The messages of the protocol that `Connection` sends; `@types/pg` has them only in part. */
interface Messages {
  parse(message: { text: string; name?: string }): void
  bind(message: { values: readonly (string | null)[]; statement?: string }): void
  describe(message: { type: 'P' }): void
  execute(message: object): void
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/**
 * `pg` takes a query of one's own in its pipelining mode only where it extends `Query`, of which
 * nothing is used here. Its types declare methods as properties, which no class can override.
 */
const PgQuery = Query as unknown as new (text: string) => object

/**
 * Several statements as one transaction in one round trip: all of them are written at once, with a
 * single Sync behind the last. Postgres runs what comes before a Sync as one transaction and, after
 * an error, skips to the Sync. So no statement can run without the one before it, which a `begin`
 * that is awaited with the rest cannot promise: where it alone is cancelled, the rest runs bare.
 *
 * Given to `client.query`, which calls the methods as the answers arrive. Several may be under way
 * on one connection: Postgres runs and answers them one after the other.
 */
export class PipelinedTransaction extends PgQuery {
  /** The rows of each statement, once Postgres has answered the Sync. */
  readonly results: Promise<Row[][]>
  isSent = false
  /** The statements that the connection knows by name; undefined to name none. */
  named: Set<string> | undefined
  readonly #statements: readonly Statement[]
  readonly #end: number
  /** Of the time limits, which are the first statement, too. */
  readonly #rows: Row[][]
  readonly #parsed: string[] = []
  #answered = 0
  #error: unknown
  #columns: readonly Column[] = []
  #resolve: (rows: Row[][]) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  /** @param end when the service stops waiting, by `performance.now()` */
  constructor(statements: readonly Statement[], end: number) {
    super('')
    this.#statements = statements.map(({ sql, parameters }) => ({
      sql,
      parameters: parameters.map(toText),
    }))
    this.#end = end
    this.#rows = Array.from({ length: statements.length + 1 }, () => [])
    this.results = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  submit(connection: Connection): void {
    const messages = connection as unknown as Messages
    this.isSent = true
    const timeLeftMs = this.#end - performance.now()
    for (const { sql, parameters } of withTimeLimits(this.#statements, timeLeftMs)) {
      const name = this.#prepare(messages, sql)
      const values = parameters as readonly (string | null)[]
      messages.bind({ values, ...(name && { statement: name }) })
      // Also of a statement that has a name: behind a pooler it may be another session's, prepared
      // after a migration, and its columns of other types.
      messages.describe({ type: 'P' })
      messages.execute({})
    }
    messages.sync()
  }

  #prepare(messages: Messages, sql: string): string | undefined {
    if (this.named === undefined) {
      messages.parse({ text: sql })
      return undefined
    }
    const name = nameOf(sql)
    if (this.named.has(name)) return name
    // An earlier transaction that failed may have left the name behind, and one that is still under
    // way may be about to.
    messages.close({ type: 'S', name })
    messages.parse({ text: sql, name })
    this.#parsed.push(name)
    return name
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }) {
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: types.getTypeParser(dataTypeID),
    }))
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    const row: Row = {}
    for (const [index, { name, parse }] of this.#columns.entries()) {
      const text = fields[index] ?? null
      row[name] = text === null ? null : parse(text)
    }
    this.#rows[this.#answered]?.push(row)
  }

  handleCommandComplete(): void {
    this.#answered += 1
  }

  handleEmptyQuery(): void {
    this.#answered += 1
  }

  handlePortalSuspended(): void {}

  handleError(error: unknown): void {
    // Behind an error of Postgres' comes the answer to the Sync, or the end of the connection.
    if (sqlStateOf(error) === undefined) this.fail(error)
    else this.#error ??= error
  }

  /** `pg` calls it only where there was no error; `synced` is called always. */
  handleReadyForQuery(): void {}

  /** To be called with the answer to the Sync: the transaction is committed, or rolled back. */
  synced(): void {
    if (this.#error !== undefined) {
      this.#reject(this.#error)
      return
    }
    for (const name of this.#parsed) this.named?.add(name)
    const [, ...rows] = this.#rows
    this.#resolve(rows)
  }

  /** To be called where no answer to the Sync will come. An error of Postgres' says more. */
  fail(error: unknown): void {
    this.#reject(this.#error ?? error)
  }

  /** Whether every statement was answered; what they did is kept only by the commit after all. */
  get isAnswered(): boolean {
    return this.#answered === this.#rows.length
  }
}
