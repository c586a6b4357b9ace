/**
 * Writes statements, and reads what Postgres sends: what it cannot read is thrown. For the formats see
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import { createHash } from 'node:crypto'
import { types } from 'pg'
import { DatabaseError, serialize } from 'pg-protocol'
import { toDatabaseError } from '#db/errors'

/** Takes a message: the letter of its type, and the bytes that have its contents. */
export type TakeMessage = (type: string, bytes: Buffer, start: number, end: number) => void

/** A notice, a notification, a setting: they may come at any time, and are of no use. */
const asides = 'NAS'
/** In front of the contents: a letter, and the length of the rest, itself included. */
export const headBytes = 5
/** A task has 5,000 at most. The beginning of a message is copied with each piece that comes. */
const longestBytes = 1024 * 1024

/** Takes each message that has arrived, asides left out. @returns the beginning of the next */
export function readMessages(bytes: Buffer, take: TakeMessage): Buffer {
  let at = 0
  while (at + headBytes <= bytes.length) {
    const length = bytes.readUInt32BE(at + 1)
    const end = at + 1 + length
    if (length < headBytes - 1 || length > longestBytes) throw unreadable(`of ${length} bytes`)
    if (end > bytes.length) break
    const type = String.fromCharCode(bytes[at] ?? 0)
    if (!asides.includes(type)) take(type, bytes, at + headBytes, end)
    at = end
  }
  return bytes.subarray(at)
}

/** A column of an answer, and what makes a value of its text. */
export interface Column {
  readonly name: string
  readonly parse: (text: string) => unknown
}

/** Behind the name of a column: the OIDs of table and type, the sizes, the format. */
const afterName = { type: 6, all: 18 }

/** The columns of a RowDescription. */
export function readColumns(bytes: Buffer, start: number, end: number): Column[] {
  const columns: Column[] = []
  let at = start + 2
  for (let left = bytes.readUInt16BE(start); left > 0; left -= 1) {
    const nameEnd = bytes.indexOf(0, at)
    if (nameEnd < at || nameEnd + afterName.all >= end) throw unreadable('with columns')
    const parse = types.getTypeParser(bytes.readUInt32BE(nameEnd + 1 + afterName.type))
    columns.push({ name: bytes.toString('utf8', at, nameEnd), parse })
    at = nameEnd + 1 + afterName.all
  }
  if (at !== end) throw unreadable('with columns')
  return columns
}

/** The row of a DataRow. */
export function readRow(
  bytes: Buffer,
  start: number,
  end: number,
  columns: readonly Column[],
): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  let at = start + 2
  let isReadable = bytes.readUInt16BE(start) === columns.length
  for (const { name, parse } of columns) {
    const length = at + 4 <= end ? bytes.readInt32BE(at) : -2
    const valueEnd = at + 4 + Math.max(0, length)
    isReadable &&= length >= -1 && valueEnd <= end
    if (!isReadable) break
    row[name] = length === -1 ? null : parse(bytes.toString('utf8', at + 4, valueEnd))
    at = valueEnd
  }
  if (!isReadable || at !== end) throw unreadable('with a row')
  return row
}

/** Whether the last value of a DataRow is this text, which is ASCII. */
export function endsWithText(bytes: Buffer, start: number, end: number, text: string): boolean {
  const at = end - text.length
  const isInside = at - 4 > start && bytes.readInt32BE(at - 4) === text.length
  return isInside && bytes.toString('latin1', at, end) === text
}

/** The rows that a CommandComplete counts, such as `SELECT 3` or `INSERT 0 1`; NaN for no count. */
export function readCount(bytes: Buffer, start: number, end: number): number {
  if (end <= start || bytes[end - 1] !== 0) throw unreadable('at the end of a statement')
  const [count] = /\d+$/.exec(bytes.toString('latin1', start, end - 1)) ?? []
  return Number(count)
}

/** The fields of an error that are used, by their letters. */
const fields = {
  C: 'code',
  D: 'detail',
  H: 'hint',
  n: 'constraint',
  R: 'routine',
  W: 'where',
} as const

/** An ErrorResponse. */
export function readError(bytes: Buffer, start: number, end: number): DatabaseError {
  const text = bytes.toString('utf8', start, end)
  const values = new Map(text.split('\0').map((field) => [field.slice(0, 1), field.slice(1)]))
  const failure = new DatabaseError(values.get('M') ?? 'no message', text.length, 'error')
  for (const [letter, name] of Object.entries(fields)) failure[name] = values.get(letter)
  // Postgres translates `S`, and PgBouncer sends no `V`.
  failure.severity = values.get('V') ?? values.get('S')
  if (!/^[0-9A-Z]{5}$/.test(failure.code ?? '')) throw unreadable('with an error')
  return failure
}

/**
 * Whether Postgres ends the backend with this FATAL, and so reads nothing more. With others a pooler
 * says that it lost the connection behind it, and of what it had passed on nobody knows.
 */
export function endsBackend({ code = '' }: DatabaseError): boolean {
  return /^(?:25P0[34]|57P0)/.test(code)
}

/**
 * What the first statement may fail with: its role or settings are refused, its name is not there, it
 * is cancelled, the server is in trouble. Users can cause none of these.
 */
export function isOfFirstStatement({ code = '' }: DatabaseError): boolean {
  return /^(?:08|22023|26000|42|53|54|57|58|XX)/.test(code)
}

function unreadable(what: string): Error {
  return new Error(`a message ${what} that cannot be read`)
}

/** An answer that is not the one that is due. */
export function unexpected(type: string): Error {
  return new Error(`a message of the type ${JSON.stringify(type)}`)
}

/**
 * The messages that send a statement, and the types of those that answer them.
 *
 * @param isNew whether it is parsed, else the connection knows it by its name
 */
export function writeStatement(
  { sql, parameters }: { readonly sql: string; readonly parameters: readonly unknown[] },
  name: string,
  isNew: boolean,
  isDescribed: boolean,
): { readonly messages: Buffer[]; readonly answers: string } {
  const parsed = isNew ? [serialize.parse({ text: sql, name })] : []
  // An earlier transaction that failed may have left the name behind.
  if (isNew && name !== '') parsed.unshift(serialize.close({ type: 'S', name }))
  const bound = [serialize.bind({ values: [...parameters], statement: name })]
  if (isDescribed) bound.push(serialize.describe({ type: 'P' }))
  const answers = `${'31'.slice(2 - parsed.length)}2${isDescribed ? 'T' : ''}C`
  return { messages: [...parsed, ...bound, serialize.execute()], answers }
}

/** What may be sent as text; anything else would be written differently by each driver. */
export function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const problem = `A statement's parameter cannot be of the type ${typeof value}.`
  throw toDatabaseError(new TypeError(problem), false)
}

const names = new Map<string, string>()

/** The name of a prepared statement: the same on every connection, and short enough for Postgres. */
export function nameOf(sql: string): string {
  const name = names.get(sql) ?? createHash('sha1').update(sql).digest('base64')
  names.set(sql, name)
  return name
}
