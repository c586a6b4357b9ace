import { expect, test } from 'vitest'
import { readMessages, readRow } from '#db/transports/postgres/wire'
import { dataRow, toBytes } from '#tests/database/lying-postgres'

const columns = [
  { name: 'title', parse: String },
  { name: 'note', parse: String },
]
const read = (body: Buffer) => readRow(body, 0, body.length, columns)

// The next byte may be of another answer.
test('a row whose lengths are not those of its values is not read', () => {
  for (const length of [-(2 ** 31), -2, 1, 2, 2 ** 31 - 1]) {
    const { body } = dataRow(['milk', ''])
    body.writeInt32BE(length, body.length - 4)
    expect(() => read(body), String(length)).toThrow('cannot be read')
  }
  const longer = Buffer.concat([dataRow(['milk', '']).body, Buffer.alloc(1)])
  expect(() => read(longer)).toThrow('cannot be read')
})

test('a message that says it is longer than any of ours is not waited for, nor one without a length read', () => {
  const bytes = toBytes(dataRow(['milk']))
  for (const length of [0, 3, 2 ** 20 + 1, 2 ** 31, 2 ** 32 - 1]) {
    bytes.writeUInt32BE(length, 1)
    const take = () => {
      throw new Error('It was taken.')
    }
    expect(() => readMessages(bytes, take), String(length)).toThrow('cannot be read')
  }
  bytes.writeUInt32BE(2 ** 20, 1)
  expect(readMessages(bytes, () => {})).toEqual(bytes)
})
