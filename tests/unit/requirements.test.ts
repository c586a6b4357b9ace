import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

/** How many demands were counted in each document. */
const counted = {
  'Feature: Complete Secure Backend Implementation with Database Integration': 34,
  'Feature Specification: Backend Complete Implementation & Frontend Integration': 70,
  'Tasks: Complete Backend Implementation – FastAPI + Neon PostgreSQL + JWT User Isolation (Phase II)': 44,
  'Backend API Implementation Summary': 44,
  'Backend Specification for Multi-User Todo Application': 51,
}

const page = readFileSync('docs/requirements.md', 'utf8')
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), rowsOf(section)]),
)

function rowsOf(section: string): string[][] {
  const lines = section.split('\n').filter((line) => line.startsWith('| '))
  return lines.slice(2).map((line) => line.slice(2, -2).split(' | '))
}

const codeIn = (text = '') => Array.from(text.matchAll(/`([^`]+)`/g), ([, code = '']) => code)

/** What a file passes to `test` and `describe` as their titles, placeholders as they are written. */
function titlesIn(file: string): Set<string> {
  const opening = /(?:\b(?:test|describe)|\))\(\s*(?:'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`)/g
  const found = readFileSync(file, 'utf8').matchAll(opening)
  return new Set(Array.from(found, ([, ...titles]) => titles.find(Boolean) ?? ''))
}

/** The last cell: after the name of a test file, the titles that are in it. */
function proofsIn(cell = ''): { file: string; title: string }[] {
  let file = ''
  return codeIn(cell).flatMap((code) => {
    if (/^tests\/\S+\.test\.ts$/.test(code)) file = code
    else if (file !== '') return [{ file, title: code }]
    return []
  })
}

test('every document has its section, and no other is there', () => {
  expect([...sections.keys()]).toEqual(Object.keys(counted))
})

describe.each(Object.entries(counted))('the demands of "%s"', (name, count) => {
  const rows = sections.get(name) ?? []

  test('are all there, each once, with an answer', () => {
    expect(rows.length).toBeGreaterThanOrEqual(count)
    expect(new Set(rows.map(([demand]) => demand)).size).toBe(rows.length)
    for (const row of rows) expect(row, row[0]).toHaveLength(3)
  })

  test('have a test that exists, or a reason', () => {
    for (const [demand, , cell = ''] of rows) {
      const proofs = proofsIn(cell)
      if (proofs.length === 0) expect(cell, demand).toMatch(/^(Differs|Not shown): \S/)
      for (const { file, title } of proofs) {
        expect(existsSync(file), file).toBe(true)
        expect(titlesIn(file), `${file} has "${title}"`).toContain(title)
      }
    }
  })

  test('are answered by files that exist', () => {
    const files = rows.flatMap(([, answer]) =>
      codeIn(answer).filter((code) => /^(app|lib|db|docs|scripts|bench)\/[^\s{]+$/.test(code)),
    )
    expect(files.filter((file) => !existsSync(file))).toEqual([])
  })
})

test('every task from T001 to T038 is named', () => {
  const named = new Set(page.match(/\bT0\d\d\b/g))
  expect(named.size).toBe(38)
})
