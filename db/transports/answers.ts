import { DatabaseError } from 'pg-protocol'

/** A transaction that is answered. `at` is where the contents of a message begin. */
export interface Answered {
  /** RowDescription: the columns of the rows that follow. */
  described(bytes: Buffer, at: number): void
  /** DataRow. */
  row(bytes: Buffer, at: number): void
  /** CommandComplete or EmptyQueryResponse: a statement has run. */
  completed(): void
}

/** Who is told what Postgres answers. */
export interface Listener {
  /** The transaction that Postgres works on. */
  readonly first: Answered | undefined
  /** ErrorResponse: what follows is skipped until the Sync. */
  failed(error: DatabaseError): void
  /** ReadyForQuery: the answer to a Sync. */
  synced(): void
  /** No answer comes any more. */
  broken(error: Error): void
}

const code = (letter: string) => letter.charCodeAt(0)
const [rowDescription, dataRow, readyForQuery] = [code('T'), code('D'), code('Z')]
const [commandComplete, emptyQuery, error] = [code('C'), code('I'), code('E')]

/** A letter, and the length of the rest, itself included. */
const headBytes = 5

/**
 * Takes what Postgres sends apart, and tells whoever listens. While nobody does, whole messages go
 * to `pg`. For the formats see
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class Answers {
  listener: Listener | undefined
  readonly #toPg: (messages: Buffer) => void
  /** The beginning of a message whose end has not come yet. */
  #rest: Buffer | undefined

  constructor(toPg: (messages: Buffer) => void) {
    this.#toPg = toPg
  }

  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    let unread = 0
    while (at + headBytes <= bytes.length) {
      const next = at + 1 + bytes.readUInt32BE(at + 1)
      if (next > bytes.length) break
      if (this.listener !== undefined) {
        if (unread < at) this.#toPg(bytes.subarray(unread, at))
        tell(this.listener, bytes, at)
        unread = next
      }
      at = next
    }
    if (unread < at) this.#toPg(bytes.subarray(unread, at))
    this.#rest = at < bytes.length ? bytes.subarray(at) : undefined
  }
}

/** Notices, notifications and changed settings are of no use to a transaction. */
function tell(listener: Listener, bytes: Buffer, at: number): void {
  const letter = bytes[at]
  if (letter === dataRow) listener.first?.row(bytes, at + headBytes)
  else if (letter === rowDescription) listener.first?.described(bytes, at + headBytes)
  else if (letter === commandComplete || letter === emptyQuery) listener.first?.completed()
  else if (letter === readyForQuery) listener.synced()
  else if (letter === error) listener.failed(readError(bytes, at))
}

/** The fields of an error that `db/errors.ts` and the log use, by their letters. */
const fields = { C: 'code', D: 'detail', n: 'constraint', R: 'routine' } as const

function readError(bytes: Buffer, at: number): DatabaseError {
  const text = bytes.toString('utf8', at + headBytes, at + 1 + bytes.readUInt32BE(at + 1))
  const values = new Map(text.split('\0').map((field) => [field.slice(0, 1), field.slice(1)]))
  const failure = new DatabaseError(values.get('M') ?? 'no message', text.length, 'error')
  for (const [letter, name] of Object.entries(fields)) failure[name] = values.get(letter)
  return failure
}
