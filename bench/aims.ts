import type { Result } from '#bench/compare'
import type { Measurement } from '#bench/measure'
import { toTable } from '#bench/tables'

/** Ratios of one run that this project aims at. */
const againstFastapi: Readonly<Record<string, number>> = { read: 8, list: 12, create: 8, toggle: 8 }
const againstFastify: Readonly<Record<string, number>> = { list: 1.5 }
const nextShareMs = 0.35

/** What was aimed at, beside what this run shows; only what it measured. */
export function aimsTable(results: readonly Result[]): string {
  const operations = [...new Map(results.map(({ operation }) => [operation.name, operation.title]))]
  const find = (target: string, operation: string): Measurement | undefined =>
    results.find((one) => one.target.name === target && one.operation.name === operation)?.median
  const rows: string[][] = []

  function aim(what: string, target: number, value: number | undefined, atMost = false): void {
    if (value === undefined || Number.isNaN(value)) return
    const isMet = atMost ? value <= target : value >= target
    const sign = atMost ? '≤' : '≥'
    rows.push([what, `${sign} ${target}`, value.toFixed(2), isMet ? 'yes' : 'no'])
  }
  function rate(target: string, base: string, operation: string, of = operation) {
    const [over, under] = [find(target, operation), find(base, of)]
    return over && under && over.perSecond / under.perSecond
  }

  for (const [name, title] of operations) {
    const least = againstFastapi[name]
    if (least === undefined) continue
    aim(`Node host against FastAPI, ${title}`, least, rate('node', 'fastapi', name))
  }
  for (const [name, title] of operations) {
    const least = againstFastify[name] ?? 1
    aim(`Node host against Fastify, ${title}`, least, rate('node', 'fastify', name))
  }
  for (const [name, title] of operations) {
    aim(`Next host against FastAPI, ${title}`, 1.3, rate('next', 'fastapi', name))
    const fromBrowser = rate('next-origin', 'fastapi', name)
    aim(`the same, with \`Origin\`, ${title}`, 1.3, fromBrowser)
  }
  const [onNext, constant] = [find('next', 'read'), find('next-constant', 'read')]
  const share = onNext && constant && onNext.serverMs - constant.serverMs
  aim('CPU ms on top of a constant Next route, read one', nextShareMs, share, true)
  for (const name of ['unchanged', 'refused']) {
    const title = results.find(({ operation }) => operation.name === name)?.operation.title
    aim(`Node host, ${title} against the full answer`, 2, rate('node', 'node', name, 'read'))
  }
  return toTable(['aim', 'aimed at', 'measured', 'met'], rows)
}
