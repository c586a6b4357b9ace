import { expect, test } from 'vitest'
import { readAskedColumn } from '#tools/adopt/asked-columns'
import { mapColumns } from '#tools/adopt/column-mapping'
import { plainName, recognitions, type Target, targets } from '#tools/adopt/column-names'

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

const usual = targets.flatMap((target) =>
  recognitions[target].names.flat().map((name): [Target, string] => [target, name]),
)

test('the names that are recognised are written as they are compared, and stand once in their list', () => {
  for (const target of targets) {
    const names = recognitions[target].names.flat()
    expect(names.map(plainName)).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
  }
})

test.each(usual)('%s comes from %s', (target, name) => {
  const fitting = { id: 'N', user_id: 'N', title: 'S', description: 'S' }[target as 'id']
  const type = { N: 'bigint', S: 'text' }[fitting ?? ''] ?? 'timestamp without time zone'
  const rest = needed.filter((each) => !same(target, each.name))
  const columns = [...rest, column(name, type, fitting ?? 'D')]
  const { mapping, open } = mapColumns({ columns, keys })
  expect(open.has(target)).toBe(false)
  expect(JSON.stringify(mapping)).toContain(`"name":"${name}"`)
  expect(mapping?.others).toEqual([])
})

const same = (target: Target, name: string) =>
  recognitions[target].names.flat().some((each) => each === plainName(name))

test('the usual name goes before all others', () => {
  const columns = [column('author_id', 'text', 'S'), ...needed]
  expect(mapColumns({ columns, keys }).mapping?.owner.name).toBe('user_id')
})

test.each([
  ['name=title', '--column name=title: write <column of tasks>='],
  ['title=a:b', 'after a colon come values for completed and deleted'],
])('--column %s cannot be followed', (written, says) => {
  expect(() => readAskedColumn(written)).toThrow(says)
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
