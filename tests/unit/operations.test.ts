import { readFileSync } from 'node:fs'
import { register } from 'prom-client'
import { beforeAll, expect, test } from 'vitest'
import { problemTypes } from '#lib/http/errors'
import { readMetrics, startMetrics } from '#lib/observability/metrics'

const page = readFileSync('docs/operations.md', 'utf8')
let types: Map<string, string>

beforeAll(async () => {
  startMetrics(() => undefined)
  const text = await readMetrics()
  types = new Map(
    Array.from(text.matchAll(/^# TYPE (\w+) (\w+)$/gm), ([, name = '', type = '']) => [name, type]),
  )
})

/** The cells of every row of the tables whose second column has this title. */
function rowsOf(title: string): string[][] {
  const tables = page.matchAll(
    new RegExp(`^\\| [^|]* \\| ${title} \\|.*\\n\\|[-| ]+\\n((?:\\|.*\\n)+)`, 'gm'),
  )
  const rows = Array.from(tables, ([, body = '']) => body.trimEnd().split('\n')).flat()
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

const codeIn = (cell = '') => Array.from(cell.matchAll(/`([^`]+)`/g), ([, code = '']) => code)

/** The metric that a sample belongs to: a histogram has three kinds of samples. */
function metricOf(sample: string): string {
  const base = sample.replace(/_(bucket|count|sum)$/, '')
  return types.get(base) === 'histogram' ? base : sample
}

test('every metric that is documented is exported, and all of ours are documented', () => {
  const documented = rowsOf('labels').flatMap(([names]) => codeIn(names))
  expect(documented.filter((name) => !types.has(name))).toEqual([])
  const ours = [...types.keys()].filter((name) => !/^(process|nodejs)_/.test(name))
  expect(ours.length).toBeGreaterThan(7)
  expect(ours.filter((name) => !documented.includes(name))).toEqual([])
})

test('every label that is documented is one that its metric has, and the reverse', () => {
  for (const [names, labels] of rowsOf('labels')) {
    for (const name of codeIn(names)) {
      const { labelNames } = register.getSingleMetric(name) as unknown as { labelNames: string[] }
      expect(codeIn(labels), name).toEqual(labelNames)
    }
  }
})

test('every alert asks for metrics and labels that exist', () => {
  const labelsOf = new Map(
    rowsOf('labels').flatMap(([names, labels]) =>
      codeIn(names).map((name) => [name, codeIn(labels)] as const),
    ),
  )
  const expressions = rowsOf('expression').flatMap(([, cell]) => codeIn(cell))
  for (const expression of expressions) {
    const codes = Array.from(expression.matchAll(/\b(?:code|reason)="(\w+)"/g), ([, code]) => code)
    expect(Object.keys(problemTypes), expression).toEqual(expect.arrayContaining(codes))
    const selectors = selectorsOf(expression)
    if (/[a-z]/.test(expression)) expect(selectors.length, expression).toBeGreaterThan(0)
    for (const { sample, labels } of selectors) {
      // What Prometheus itself says of each target.
      if (sample === 'up') continue
      const metric = metricOf(sample)
      expect(types.has(metric), `${sample} in ${expression}`).toBe(true)
      expect(labelsOf.get(metric), expression).toEqual(expect.arrayContaining(labels))
    }
  }
  expect(expressions.length).toBeGreaterThan(10)
})

/** What an expression of PromQL reads: all names that are neither labels nor functions. */
function selectorsOf(expression: string): { sample: string; labels: string[] }[] {
  const bare = expression.replaceAll(/\bby \([^)]*\)|\[\w+\]/g, '').replaceAll(/\w+ *\(/g, '(')
  return Array.from(bare.matchAll(/([a-z]\w*)(\{[^}]*\})?/g), ([, sample = '', matchers = '']) => ({
    sample,
    labels: Array.from(matchers.matchAll(/(\w+)[=!]/g), ([, label = '']) => label),
  }))
}

test('every symptom that is a status and a code is an error of the service', () => {
  const named = rowsOf('what to do').flatMap(([cell = '']) => {
    const [, status, code] = /^(\d{3}) `(\w+)`/.exec(cell) ?? []
    return status === undefined ? [] : [`${status} ${code}`]
  })
  const known = Object.entries(problemTypes).map(([code, { status }]) => `${status} ${code}`)
  expect(named.length).toBeGreaterThan(6)
  expect(named.filter((each) => !known.includes(each))).toEqual([])
  const ours = known.filter((each) => each.startsWith('5'))
  expect(ours.filter((each) => !named.includes(each))).toEqual([])
})
