import { expect, test } from 'vitest'
import { canHold } from '#db/scoped'

const uuid = '0f5b6f0a-8e0c-4f34-9f6e-2f1c3f0f9a11'

/** Ids that a type returns as they were sent, and ids that it changes or refuses. */
const texts = { held: ['', 'anna', ' anna ', '🎉'.repeat(300), uuid, '007'], others: [] }
const uuids = {
  held: [uuid],
  others: [uuid.toUpperCase(), `{${uuid}}`, uuid.replaceAll('-', ''), `${uuid} `, '7', ''],
}
const numbers = {
  held: ['0', '7', '-7', '120'],
  others: ['', '007', '+7', ' 7', '7 ', '7.0', '-0', 'anna'],
}
const fours = {
  held: ['a', 'anna', 'ännä', '🎉🎉🎉🎉'],
  others: ['annas', '🎉🎉🎉🎉🎉', 'an ', ' '],
}

test.each([
  { type: 'text', ...texts },
  { type: 'character varying', ...texts },
  { type: 'uuid', ...uuids },
  { type: 'smallint', ...numbers },
  { type: 'integer', ...numbers },
  { type: 'bigint', ...numbers },
  { type: 'character varying(4)', ...fours },
  { type: 'character(4)', ...fours },
])('a column of the type $type holds $held, and not $others', ({ type, held, others }) => {
  for (const id of held) expect(canHold(type, id), id).toBe(true)
  for (const id of others) expect(canHold(type, id), id).toBe(false)
})
