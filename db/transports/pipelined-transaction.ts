import { type Connection, Query, types } from 'pg'
import { serialize } from 'pg-protocol'
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

/** The statements that a connection knows by name, with the columns of their answers. */
export type NamedStatements = Map<string, readonly Column[]>

/** A statement on its way. */
interface Sent {
  readonly name: string
  /** Undefined before Postgres has described them, and where nobody asks for the rows. */
  columns: readonly Column[] | undefined
  readonly isNew: boolean
  readonly rows: Row[]
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
    super('')
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

  submit({ stream }: Connection): void {
    this.isSent = true
    const messages: Buffer[] = []
    this.#sent = withTimeLimits(this.#statements, this.#end - performance.now()).map((each) =>
      this.#write(messages, each),
    )
    messages.push(serialize.sync())
    if (stream.writable) stream.write(Buffer.concat(messages))
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
    return { name, columns, isNew, rows: [] }
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }) {
    const statement = this.#sent[this.#answered]
    if (statement === undefined) return
    statement.columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: types.getTypeParser(dataTypeID),
    }))
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    const { columns = [], rows } = this.#sent[this.#answered] ?? {}
    const row: Row = {}
    let index = 0
    for (const { name, parse } of columns) {
      const text = fields[index] ?? null
      row[name] = text === null ? null : parse(text)
      index += 1
    }
    rows?.push(row)
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
