import { expect, test } from 'vitest'
import { capacityFor, requestsPerSecondOf } from '../../bench/capacity.ts'

const figures = {
  ...{ serviceMs: 0.5, postgresMs: 0.25, connectionMs: 2, bytesPerTask: 500 },
  ...{ coreMonth: 20, gigabyteMonth: 0.5, usableShare: 0.5 },
}
const load = { requestsPerSecond: 2000, users: 1_000_000, tasksPerUser: 100 }

test('the capacity model gives cores, connections, storage and cost for a load', () => {
  expect(capacityFor(figures, load)).toEqual({
    ...{ serviceCores: 2, postgresCores: 1, connections: 8, storageGigabytes: 50 },
    costPerMonth: 85,
  })
})

test('the capacity model gives the load back for what it asked for', () => {
  const capacity = capacityFor(figures, load)
  expect(requestsPerSecondOf(figures, capacity)).toBeCloseTo(2000)
  expect(requestsPerSecondOf(figures, { ...capacity, connections: 4 })).toBeCloseTo(1000)
})
