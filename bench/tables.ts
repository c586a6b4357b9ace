import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '..', 'docs', 'measurements')

/** A table in Markdown, its columns padded so that it also reads well in a terminal. */
export function toTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, 3, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)
  const line = (cells: readonly string[]) => `| ${cells.map(pad).join(' | ')} |`
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** Puts what a section measured into its file in docs/measurements, in place of the run before. */
export function writeSection(name: string, text: string): void {
  const file = `${name}.txt`
  writeFileSync(join(folder, file), `${text}\n`)
  console.log(`Written to docs/measurements/${file}.`)
}

/** How many times the base; nothing where one of them was not measured. */
export function ratio(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined ? '' : (value / base).toFixed(2)
}

/** Without decimals, for what is in the hundreds and more. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** Three figures, for times. */
export function figure(value: number): string {
  return value >= 100 ? whole(value) : value.toPrecision(3)
}

/** A share in whole hundredths. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
