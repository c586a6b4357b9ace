import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, types } from 'pg'
import { sqlStateOf } from '#db/errors'
import type { Row, Statement } from '#db/transports/transport'

/** What may be sent as text; anything else would be written differently by each driver. */
function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new TypeError(`A statement's parameter cannot be of the type ${typeof value}.`)
}

const names = new Map<string, string>()

/** The same on every connection, and short enough for Postgres. There are only so many statements. */
function nameOf(sql: string): string {
  const known = names.get(sql)
  if (known !== undefined) return known
  const name = createHash('sha1').update(sql).digest('base64')
  names.set(sql, name)
  return name
}

/** A column of an answer, and what makes a value of its text. */
interface Column {
  readonly name: string
  readonly parse: (text: string) => unknown
}

/** The messages of the protocol that `Connection` sends; `@types/pg` has them only in part. */
interface Messages {
  readonly stream: { cork(): void; uncork(): void }
  parse(message: { text: string; name?: string }): void
  bind(message: { values: (string | null)[]; statement?: string }): void
  describe(message: { type: 'P' }): void
  execute(message: object): void
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/**
 * Several statements as one transaction in one round trip: all of them are written at once, with a
 * single Sync behind the last. Postgres runs what comes before a Sync as one transaction and, after
 * an error, skips to the Sync. So no statement can run without the one before it, which a `begin`
 * that is awaited with the rest cannot promise: where it alone is cancelled, the rest runs bare.
 *
 * Given to `client.query`, which calls the methods as the answers arrive.
 */
export class PipelinedTransaction {
  readonly results: Promise<Row[][]>
  /** Only once Postgres has answered the Sync is the connection free for others. */
  state: 'unsent' | 'under way' | 'synced' | 'ended' = 'unsent'
  #answered = 0
  #over: Promise<void> | undefined
  readonly #statements: readonly Statement[]
  readonly #named: Set<string> | undefined
  readonly #rows: Row[][]
  readonly #parsed: string[] = []
  #columns: readonly Column[] = []
  #resolve: (rows: Row[][]) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  /** @param named the statements that the connection knows by name; undefined to name none */
  constructor(statements: readonly Statement[], named: Set<string> | undefined) {
    this.#statements = statements
    this.#named = named
    this.#rows = statements.map(() => [])
    this.results = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  submit(connection: Connection): void {
    const messages = connection as unknown as Messages
    const parameters = this.#statements.map((statement) => statement.parameters.map(toText))
    this.state = 'under way'
    messages.stream.cork()
    for (const [index, { sql }] of this.#statements.entries()) {
      const name = this.#prepare(messages, sql)
      messages.bind({ values: parameters[index] ?? [], ...(name && { statement: name }) })
      // Also of a statement that has a name: behind a pooler it may be another session's, prepared
      // after a migration, and its columns of other types.
      messages.describe({ type: 'P' })
      messages.execute({})
    }
    messages.sync()
    messages.stream.uncork()
  }

  #prepare(messages: Messages, sql: string): string | undefined {
    if (this.#named === undefined) {
      messages.parse({ text: sql })
      return undefined
    }
    const name = nameOf(sql)
    if (this.#named.has(name)) return name
    // An earlier transaction that failed may have left the name behind.
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

  handleError(error: unknown, connection?: Connection): void {
    // What follows an error of Postgres' is not passed on: the answer to the Sync, or the end.
    if (sqlStateOf(error) !== undefined) this.#over = connection && this.#isOver(connection)
    this.#reject(error)
  }

  /** The answer to the Sync: the transaction is committed. */
  handleReadyForQuery(): void {
    this.state = 'synced'
    for (const name of this.#parsed) this.#named?.add(name)
    this.#resolve(this.#rows)
  }

  /** Whether every statement was answered; what they did is kept only by the commit after all. */
  get isAnswered(): boolean {
    return this.#answered === this.#statements.length
  }

  /** Waits after an error until `state` is final, where the connection tells. */
  async over(timeoutMs: number): Promise<void> {
    if (this.#over === undefined) return
    await Promise.race([this.#over, sleep(timeoutMs, undefined, { ref: false })])
  }

  #isOver(connection: Connection): Promise<void> {
    return new Promise((resolve) => {
      const become = (state: 'synced' | 'ended') => () => {
        connection.off('readyForQuery', synced).off('end', ended)
        this.state = state
        resolve()
      }
      const synced = become('synced')
      const ended = become('ended')
      connection.on('readyForQuery', synced).on('end', ended)
    })
  }
}
