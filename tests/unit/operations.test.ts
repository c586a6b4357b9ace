import { readFileSync } from 'node:fs'
import { register } from 'prom-client'
import { expect, test } from 'vitest'
import { problemTypes } from '#lib/http/errors'
import { readMetrics, startMetrics } from '#lib/observability/metrics'

const page = readFileSync('docs/operations.md', 'utf8')

/** The cells of every row of the tables whose second column has this title. */
function rowsOf(title: string): string[][] {
  const table = new RegExp(`^\\| [^|]* \\| ${title} \\|.*\\n\\|[-| ]+\\n((?:\\|.*\\n)+)`, 'gm')
  const bodies = Array.from(page.matchAll(table), ([, body = '']) => body.trimEnd())
  return bodies.flatMap((body) => body.split('\n')).map((row) => row.slice(1, -1).split('|'))
}

const codeIn = (cell = '') => Array.from(cell.matchAll(/`([^`]+)`/g), ([, code = '']) => code)

/** The labels of each metric, as they are documented. */
const documented = new Map(
  rowsOf('labels').flatMap(([names, labels]) =>
    codeIn(names).map((name) => [name, codeIn(labels)] as const),
  ),
)

test('every metric that is documented is exported, with its labels, and all of ours are documented', async () => {
  startMetrics(() => undefined)
  await readMetrics()
  const exported = new Map(
    register.getMetricsAsArray().map((metric) => {
      const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] }
      return [name, labelNames]
    }),
  )
  for (const [name, labels] of documented) expect(exported.get(name), name).toEqual(labels)
  const ours = [...exported.keys()].filter((name) => !/^(process|nodejs)_/.test(name))
  expect(ours.length).toBeGreaterThan(7)
  expect([...documented.keys()]).toEqual(expect.arrayContaining(ours))
})

test('every alert asks for metrics, labels and codes that exist', () => {
  const expressions = rowsOf('expression').flatMap(([, cell]) => codeIn(cell))
  expect(expressions.length).toBeGreaterThan(10)
  const samples = expressions.flatMap((expression) =>
    // Names with an underscore that are no function and no value; `up` is Prometheus' own.
    Array.from(
      expression.matchAll(/(?<!")\b([a-z]+_\w+)(?! *\()\b(?:\{(\w+))?/g),
      ([, name, label]) => ({
        metric: name?.replace(/(?<=_seconds)_bucket$/, ''),
        labels: label === undefined ? [] : [label],
      }),
    ),
  )
  expect(samples.length).toBeGreaterThan(10)
  for (const { metric = '', labels } of samples) {
    expect([...documented.keys()]).toContain(metric)
    expect(documented.get(metric), metric).toEqual(expect.arrayContaining(labels))
  }
  const codes = expressions.join().matchAll(/\b(?:code|reason)="(\w+)"/g)
  const named = Array.from(codes, ([, code]) => code)
  expect(Object.keys(problemTypes)).toEqual(expect.arrayContaining(named))
})

test('every symptom that is a status and a code is an error of the service, and each 5xx is one', () => {
  const named = rowsOf('what to do').flatMap(([cell = '']) => /\d{3} `\w+`/.exec(cell) ?? [])
  const known = Object.entries(problemTypes).map(([code, { status }]) => `${status} \`${code}\``)
  expect(known).toEqual(expect.arrayContaining(named))
  expect(named).toEqual(expect.arrayContaining(known.filter((each) => each.startsWith('5'))))
})
