import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The pages of docs/ in which the benchmark writes. */
export type Page = 'performance' | 'scaling'

const pathOf = (page: Page) => join(import.meta.dirname, '..', 'docs', `${page}.md`)

/** What stands between the marks of one section. @throws where the page has no such section */
export function readSection(page: Page, name: string): string {
  const text = readFileSync(pathOf(page), 'utf8')
  const { from, to } = find(text, page, name)
  return text.slice(from, to).trim()
}

/** Replaces what stands between the marks of one section. @throws where there is no such section */
export function writeSection(page: Page, name: string, text: string): void {
  const before = readFileSync(pathOf(page), 'utf8')
  const { from, to } = find(before, page, name)
  writeFileSync(pathOf(page), `${before.slice(0, from)}\n\n${text}\n\n${before.slice(to)}`)
  console.log(`Written to docs/${page}.md: ${name}.`)
}

function find(text: string, page: Page, name: string): { from: number; to: number } {
  const start = `<!-- measured: ${name} -->`
  const [from, to] = [text.indexOf(start), text.indexOf(`<!-- end: ${name} -->`)]
  if (from < 0 || to < from) throw new Error(`docs/${page}.md has no section ${name}.`)
  return { from: from + start.length, to }
}
