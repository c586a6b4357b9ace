import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const path = join(import.meta.dirname, '..', 'docs', 'performance.md')

/** Replaces what stands between the marks of one section of docs/performance.md. */
export function writeSection(name: string, text: string): void {
  const [start, end] = [`<!-- measured: ${name} -->`, `<!-- end: ${name} -->`]
  const page = readFileSync(path, 'utf8')
  const [from, to] = [page.indexOf(start), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no section ${name}.`)
  writeFileSync(path, `${page.slice(0, from)}${start}\n\n${text}\n\n${page.slice(to)}`)
  console.log(`Written to docs/performance.md: ${name}.`)
}
