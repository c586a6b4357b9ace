import { expect, test } from 'vitest'
import { canHold } from '#db/scoped'

const uuid = '0f5b6f0a-8e0c-4f34-9f6e-2f1c3f0f9a11'

/** Ids that a type returns as they were sent, and ids that it changes or refuses. */
test.each([
  {
    types: ['text', 'character varying'],
    held: ['', 'anna', ' anna ', '🎉'.repeat(300), uuid, '007'],
    others: [],
  },
  {
    types: ['uuid'],
    held: [uuid],
    others: [uuid.toUpperCase(), `{${uuid}}`, uuid.replaceAll('-', ''), `${uuid} `, '7', ''],
  },
  {
    types: ['smallint', 'integer', 'bigint'],
    held: ['0', '7', '-7', '120'],
    others: ['', '007', '+7', ' 7', '7 ', '7.0', '-0', 'anna'],
  },
  {
    types: ['character varying(4)', 'character(4)'],
    held: ['a', 'anna', 'ännä', '🎉🎉🎉🎉'],
    others: ['annas', '🎉🎉🎉🎉🎉', 'an ', ' '],
  },
])('columns of the types $types hold $held, and not $others', ({ types, held, others }) => {
  for (const type of types) {
    expect(held.filter((id) => !canHold(type, id))).toEqual([])
    expect(others.filter((id) => canHold(type, id))).toEqual([])
  }
})
