import type { Result } from '#bench/compare'
import type { Measurement } from '#bench/measure'
import { toTable } from '#bench/tables'

/** How many times the peer's throughput the Node host aims at, by operation. */
const againstFastapi: Readonly<Record<string, number>> = { read: 8, list: 12, create: 8, toggle: 8 }
const againstFastify: Readonly<Record<string, number>> = { list: 1.5 }
/** The same for the Next host against FastAPI, whatever the operation. */
const onNext = 1.3
/** CPU time that the service may add to Next's own. */
const nextShareMs = 0.35

/** What was aimed at, beside what this run shows; only what it measured. */
export function aimsTable(results: readonly Result[]): string {
  const operations = [...new Map(results.map(({ operation }) => [operation.name, operation.title]))]
  const rows: string[][] = []
  const find = (target: string, name: string) =>
    results.find((one) => one.target.name === target && one.operation.name === name)?.median
  const add = (what: string, aim: string, value: number, isMet: boolean) =>
    rows.push([what, aim, value.toFixed(2), isMet ? 'yes' : 'no'])
  function aim(what: string, least: number | undefined, ours?: Measurement, theirs?: Measurement) {
    if (least === undefined || ours === undefined || theirs === undefined) return
    const value = ours.perSecond / theirs.perSecond
    add(what, `≥ ${least}`, value, value >= least)
  }

  for (const [name, title] of operations) {
    const least = againstFastapi[name]
    aim(`Node host against FastAPI, ${title}`, least, find('node', name), find('fastapi', name))
  }
  for (const [name, title] of operations) {
    const least = againstFastify[name] ?? 1
    aim(`Node host against Fastify, ${title}`, least, find('node', name), find('fastify', name))
  }
  for (const [name, title] of operations) {
    const fastapi = find('fastapi', name)
    aim(`Next host against FastAPI, ${title}`, onNext, find('next', name), fastapi)
    aim(`the same, with \`Origin\`, ${title}`, onNext, find('next-origin', name), fastapi)
  }
  const [service, constant] = [find('next', 'read'), find('next-constant', 'read')]
  if (service !== undefined && constant !== undefined) {
    const share = service.serverMs - constant.serverMs
    const what = 'CPU ms on top of a constant Next route, read one'
    add(what, `≤ ${nextShareMs}`, share, share <= nextShareMs)
  }
  for (const [name, title] of operations) {
    if (name !== 'unchanged' && name !== 'refused') continue
    const what = `Node host, ${title} against the full answer`
    aim(what, 2, find('node', name), find('node', 'read'))
  }
  return toTable(['aim', 'aimed at', 'measured', 'met'], rows)
}
