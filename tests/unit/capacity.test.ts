import { describe, expect, test } from 'vitest'
import { capacityFor, costOfMix, peakOf, requestsPerSecondOf } from '#bench/capacity'
import { answer, standardAnswers } from '#bench/capacity-answers'
import { limitsOf } from '#bench/capacity-limits'
import { readQuestion } from '#bench/capacity-options'
import {
  cpuTitle,
  readCost,
  readDistance,
  readFigures,
  readMeasured,
  standardPrices,
} from '#bench/figures'
import { readSection } from '#bench/sections'
import { numberIn, readTable, toTable } from '#bench/tables'
import { visitorMix } from '#bench/visitor'

const figures = {
  ...{ serviceMs: 0.5, postgresMs: 0.25, connectionMs: 2, bytesPerTask: 500 },
  ...{ serviceCoreMonth: 20, postgresCoreMonth: 30, gigabyteMonth: 0.5, usableShare: 0.5 },
}
const load = { requestsPerSecond: 2000, users: 1_000_000, tasksPerUser: 100 }

describe('the capacity model', () => {
  test('the capacity model gives cores, connections, storage and cost for a load', () => {
    expect(capacityFor(figures, load)).toEqual({
      ...{ serviceCores: 2, postgresCores: 1, connections: 8, storageGigabytes: 50 },
      costPerMonth: 2 * 20 + 30 + 25,
    })
    expect(peakOf(86_400, 10, 3)).toBe(30)
  })

  test('the capacity model gives the load back for what it asked for', () => {
    const capacity = capacityFor(figures, load)
    expect(requestsPerSecondOf(figures, capacity)).toBeCloseTo(2000)
    expect(requestsPerSecondOf(figures, { ...capacity, connections: 4 })).toBeCloseTo(1000)
  })

  test('weighs operations by the mix, and a list by its length', () => {
    const all = (ms: number) => ({ serviceMs: ms, postgresMs: ms * 2, connectionMs: ms * 3 })
    const costs = { read: all(1), list: all(50), create: all(4), toggle: all(2) }
    expect(costOfMix(costs, { read: 1 }, 7)).toEqual(all(1))
    expect(costOfMix(costs, { list: 1 }, 50)).toEqual(all(50))
    expect(costOfMix(costs, { list: 1 }, 100)).toEqual(all(100))
    expect(costOfMix(costs, { read: 1, create: 1 }, 7)).toEqual(all(2.5))
    expect(costOfMix(costs, { rename: 3, remove: 5 }, 7)).toEqual(all(2))
    expect(costOfMix(costs, { read: 1 }, 7, all(1))).toEqual(all(2))
  })

  test('says what a load runs into, from where on', () => {
    const small = capacityFor(figures, { requestsPerSecond: 10, users: 1000, tasksPerUser: 10 })
    expect(limitsOf(small)).toEqual([])
    expect(limitsOf({ ...small, serviceCores: 1 })).toEqual([])
    expect(limitsOf({ ...small, serviceCores: 1.1 })).toEqual([{ of: 'processes', processes: 2 }])
    expect(limitsOf({ ...small, serviceCores: 9 })).toHaveLength(1)
    expect(limitsOf({ ...small, serviceCores: 30, connections: 90 })).toEqual([
      { of: 'processes', processes: 30 },
      { of: 'connections', processes: 30, opened: 300, least: 3 },
    ])
    const ofPostgres = (postgresCores: number) =>
      limitsOf({ ...small, postgresCores }).map((limit) => limit.of)
    expect([16, 17, 56, 57].map(ofPostgres)).toEqual([
      [],
      ['scaling Postgres'],
      ['scaling Postgres'],
      ['Postgres'],
    ])
    expect(limitsOf({ ...small, storageGigabytes: 100 })).toEqual([])
    expect(limitsOf({ ...small, storageGigabytes: 101 })).toEqual([{ of: 'size', gigabytes: 101 }])
  })
})

describe('the figures', () => {
  test('are read from the tables as they are written', () => {
    const table = toTable(['what', 'requests/s', 'share'], [['one', '12,345', '38 %']])
    const page = `text\n\n### First\n\n${table}\n\n### Second\n\n| a |\n| - |\n`
    const [row] = readTable(page, 'First')
    expect(row).toEqual({ what: 'one', 'requests/s': '12,345', share: '38 %' })
    expect([numberIn(row?.['requests/s']), numberIn(row?.['share'])]).toEqual([12_345, 38])
    expect(numberIn('')).toBeNaN()
  })

  test('of both hosts are read from the pages, each in its unit', () => {
    const compared = readSection('performance', 'compare')
    const row = readTable(compared, 'Read one').find(({ server }) => server?.endsWith('Node host'))
    expect(readMeasured('node').serviceMs).toBe(numberIn(row?.['CPU ms/request']))
    for (const host of ['node', 'next'] as const) {
      for (const value of Object.values(readCost(host, 50, false))) expect(value).toBeGreaterThan(0)
    }
    const read = readFigures('node', 100, standardPrices, 0.6)
    for (const value of Object.values(read)) expect(value).toBeGreaterThan(0)
    const factor = readDistance('node', cpuTitle)
    expect(factor).toBeGreaterThanOrEqual(1)
    expect(read.serviceMs).toBeCloseTo(readCost('node', 100, true).serviceMs * factor)
    // A row holds two ids and three times at least, and the indexes the ids again.
    expect(read.bytesPerTask).toBeGreaterThan(150)
  })

  test('are for the mix of the load test, whose shares are of one whole', () => {
    const shares = Object.values(visitorMix)
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1)
  })

  test('come to what docs/scaling.md says they do', () => {
    expect(readSection('scaling', 'capacity')).toBe(standardAnswers())
  })
})

describe('a question', () => {
  test('is answered in both directions', () => {
    const users = 1_000_000
    const needs = answer(readQuestion({ users: String(users) }))
    const coresOf = (what: string) =>
      numberIn(new RegExp(`\\| ${what} cores +\\| +([\\d.,]+)`).exec(needs)?.[1])
    const usersFor = (share: number) => {
      const has = {
        'service-cores': String(coresOf('service') * share),
        'postgres-cores': String(coresOf('Postgres') * share),
      }
      const text = answer(readQuestion({ users: String(users), ...has }))
      return numberIn(/([\d,]+) such users/.exec(text)?.[1])
    }
    expect(usersFor(1) / users).toBeCloseTo(1)
    expect(usersFor(0.5) / users).toBeCloseTo(0.5)
  })

  test.each([
    [{ users: '0' }, /--users/],
    [{ 'tasks-per-user': 'many' }, /--tasks-per-user/],
    [{ host: 'deno' }, /--host/],
    [{ prices: '40,77' }, /--prices/],
    [{ 'usable-share': '2' }, /--usable-share/],
    [{ 'service-cores': '2' }, /--postgres-cores/],
  ])('with %j is refused by the name of the option', (given, named) => {
    expect(() => readQuestion(given)).toThrow(named)
  })
})
