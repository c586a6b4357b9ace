import { expect, test } from 'vitest'
import { readAskedColumn } from '#tools/adopt/asked-columns'
import { mapColumns } from '#tools/adopt/column-mapping'
import { plainName, recognitions, targets } from '#tools/adopt/column-names'

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
const keys = ['id']

test('columns that tasks has no place for are named, and no other', () => {
  const others = [column('priority', 'text', 'S'), column('due_date', 'date', 'D')]
  expect(mapColumns({ columns: [...needed, ...others], keys }).mapping).toMatchObject({ others })
})

test('the names that are recognised are written as they are compared, and stand once in their list', () => {
  for (const target of targets) {
    const names = recognitions[target].names.flat()
    expect(names.map(plainName)).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
  }
})

test('the usual name goes before all others', () => {
  const columns = [column('author_id', 'text', 'S'), ...needed]
  expect(mapColumns({ columns, keys }).mapping?.owner.name).toBe('user_id')
})

test('what is asked for goes before what is recognised', () => {
  const columns = [...needed, column('Name', 'text', 'S'), column('ts', 'bigint', 'N')]
  const asked = ['title=Name', 'created_at=ts:epoch', 'completed=title:x|y', 'deleted=title:z']
  const { mapping, faults } = mapColumns({ columns, keys }, asked.map(readAskedColumn))
  expect(faults).toEqual([])
  expect(mapping).toMatchObject({
    title: { name: 'Name' },
    createdAt: { column: { name: 'ts' }, isEpoch: true },
    completed: [{ column: { name: 'title' }, values: ['x', 'y'] }],
    deleted: [{ column: { name: 'title' }, values: ['z'] }],
    others: [{ name: 'is_completed' }],
  })
})
