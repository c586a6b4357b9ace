import { types } from 'pg'
import type { Row } from '#db/transports/transport'

/** A column of an answer, and what makes a value of the bytes of its text. */
export interface Column {
  readonly name: string
  readonly decode: (bytes: Buffer, start: number, end: number) => unknown
}

/** The types that tasks have, by their OIDs in `pg_type`. `pg` knows what to do with all others. */
const decoders: Readonly<Record<number, Column['decode']>> = {
  16: (bytes, start) => bytes[start] === 0x74, // bool: t or f
  23: (bytes, start, end) => Number(bytes.toString('latin1', start, end)), // int4
  25: (bytes, start, end) => bytes.toString('utf8', start, end), // text
  701: (bytes, start, end) => Number(bytes.toString('latin1', start, end)), // float8
  1043: (bytes, start, end) => bytes.toString('utf8', start, end), // varchar
  2950: (bytes, start, end) => bytes.toString('latin1', start, end), // uuid
}

/** Of a column: the OIDs of table and type, the sizes, the format. */
const afterName = { type: 6, all: 18 }

/** The columns of a RowDescription. @param at where its contents begin */
export function readColumns(bytes: Buffer, at: number): Column[] {
  const columns: Column[] = []
  let start = at + 2
  for (let left = bytes.readUInt16BE(at); left > 0; left -= 1) {
    const end = bytes.indexOf(0, start)
    const name = bytes.toString('utf8', start, end)
    columns.push({ name, decode: decoderOf(bytes.readUInt32BE(end + 1 + afterName.type)) })
    start = end + 1 + afterName.all
  }
  return columns
}

/** Whether a DataRow has as many columns. @param at where its contents begin */
export function hasColumns(bytes: Buffer, at: number, columns: readonly Column[]): boolean {
  return bytes.readUInt16BE(at) === columns.length
}

/** The row of a DataRow that has these columns. @param at where its contents begin */
export function readRow(bytes: Buffer, at: number, columns: readonly Column[]): Row {
  const row: Row = {}
  let start = at + 6
  for (const { name, decode } of columns) {
    const length = bytes.readInt32BE(start - 4)
    const isNull = length === -1
    const end = isNull ? start : start + length
    row[name] = isNull ? null : decode(bytes, start, end)
    start = end + 4
  }
  return row
}

function decoderOf(type: number): Column['decode'] {
  const parse = types.getTypeParser(type)
  return decoders[type] ?? ((bytes, start, end) => parse(bytes.toString('utf8', start, end)))
}
