import { expect, test } from 'vitest'
import { mapColumns } from '#tools/adopt/column-mapping'

const column = (name: string, type: string, category: string) => ({
  name,
  type,
  category,
  isRequired: false,
})
const needed = [
  column('id', 'integer', 'N'),
  column('user_id', 'text', 'S'),
  column('title', 'text', 'S'),
  column('is_completed', 'boolean', 'B'),
]

test('columns that tasks has no place for are named, and no other', () => {
  const others = [column('priority', 'text', 'S'), column('due_date', 'date', 'D')]
  expect(mapColumns([...needed, ...others])).toMatchObject({ others, description: undefined })
  expect(mapColumns(needed)).toMatchObject({ others: [], completed: [{ name: 'is_completed' }] })
})

test('every fault of a table is said at once', () => {
  const faults = mapColumns([column('id', 'json', 'U'), column('title', 'bytea', 'U')])
  expect(faults).toEqual({
    faults: [
      'The column id is json, and only whole numbers, text and uuid can be read.',
      'It has no column user_id or owner_id.',
      'The column title is bytea, and only text can be read.',
      'It has no column completed or is_completed.',
    ],
  })
})
