/** A table in Markdown, its columns padded so that it also reads well in a terminal. */
export function toTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, 3, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(' | ')} |`
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** The rows of the table below a heading, by the names of their columns. */
export function readTable(text: string, heading: string): Record<string, string>[] {
  const [, section = ''] = text.split(`### ${heading}\n`)
  const [below = ''] = section.split('\n#')
  const lines = below.split('\n').filter((line) => line.startsWith('| '))
  const [head = [], , ...rows] = lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
  return rows.map((cells) =>
    Object.fromEntries(head.map((title, column) => [title, cells[column] ?? ''])),
  )
}

/** The figure in a cell, as the functions below write it; NaN where there is none. */
export function numberIn(cell: string | undefined): number {
  return cell === undefined || cell === ''
    ? Number.NaN
    : Number.parseFloat(cell.replaceAll(',', ''))
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

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}
