import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Every demand of each document, by its number there, or counted in its order. */
const demanded: Record<string, string> = {
  'Feature: Complete Secure Backend Implementation with Database Integration':
    'Overview.1–Overview.6 P1 P1.1–P1.7 P2 P2.1–P2.6 P3 P3.1–P3.5 Success.1–Success.7',
  'Feature Specification: Backend Complete Implementation & Frontend Integration': `
    Input.1–Input.24 Constraint.1–Constraint.9 Scope.1–Scope.3 Guidance.1–Guidance.4
    S1 S1.test S1.1–S1.2 S2 S2.test S2.1–S2.2 S3 S3.test S3.1–S3.2
    Edge.1–Edge.4 FR-001–FR-007 Entity.1–Entity.2 SC-001–SC-005`,
  'Tasks: Complete Backend Implementation – FastAPI + Neon PostgreSQL + JWT User Isolation (Phase II)': `
    Phase1.test Phase2.test Phase3.test Phase4.test Phase5.test Phase6.test Phase7.test Phase8.test
    T001–T038 Order`,
  'Backend API Implementation Summary': `
    Overview 1.1–1.3 2.1–2.3 3.1–3.3 4.1–4.3 5.1–5.3 6.1–6.3 7.1–7.3 8.1–8.3 9.1–9.2
    Security.1.1–Security.1.3 Security.2.1–Security.2.3 Security.3.1–Security.3.3
    Endpoint.1–Endpoint.6 Tested.1–Tested.5 Environment.1–Environment.5 Next.1–Next.5`,
  'Backend Specification for Multi-User Todo Application': `
    Feature Scenario.1–Scenario.3 Scenario.1.test Scenario.2.test Scenario.3.test FR-1–FR-6
    Quantity.1–Quantity.5 Quality.1–Quality.5 Entity.1–Entity.4 Assumption.1–Assumption.5
    Dependency.1–Dependency.5 Included.1–Included.6 Excluded.1–Excluded.5`,
}

interface Row {
  readonly demand: string
  readonly shown: string
}

const page = readFileSync('docs/requirements.md', 'utf8')
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), rowsOf(section)]),
)
const testFiles = new Set(globSync('tests/**/*.test.ts').map((file) => basename(file, '.test.ts')))

function rowsOf(section: string): Row[] {
  const lines = section.split('\n').filter((line) => line.startsWith('| **'))
  return lines.map((line) => {
    const [, demand = '', shown = ''] = line.split('|')
    return { demand, shown: shown.trim() }
  })
}

/** `T016–T018` is three. */
function expand(range: string): string[] {
  const [, prefix = '', first = '', last] = /^(.*?)(\d+)–.*?(\d+)$/.exec(range) ?? []
  if (last === undefined) return [range]
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) =>
    [prefix, String(Number(first) + index).padStart(first.length, '0')].join(''),
  )
}

const idsIn = ({ demand }: Row) =>
  Array.from(demand.matchAll(/\*\*([^*]+)\*\*/g), ([, range = '']) => expand(range)).flat()

test('every document has its section, and no other is there', () => {
  expect([...sections.keys()]).toEqual(Object.keys(demanded))
})

describe.each(Object.entries(demanded))('the demands of "%s"', (name, ids) => {
  const rows = sections.get(name) ?? []

  test('are all there, each once', () => {
    expect(rows.flatMap(idsIn).sort()).toEqual(ids.trim().split(/\s+/).flatMap(expand).sort())
  })

  test('are shown by test files that exist, or have a reason', () => {
    for (const { demand, shown } of rows) {
      const proofs = Array.from(shown.matchAll(/`([a-z.-]+)`/g), ([, proof = '']) => proof)
      if (proofs.length === 0) expect(shown, demand).toMatch(/^(Differs|Not shown): \S/)
      for (const proof of proofs) expect(testFiles, demand).toContain(proof)
    }
  })
})
