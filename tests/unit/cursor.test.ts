import { expect, test } from 'vitest'
import { openCursor, sealCursor } from '#lib/tasks/cursor'

test('a cursor opens behind an id of any form that the table takes', () => {
  const scope = { userId: 'alice', sort: 'created', order: 'desc' }
  // Typed in by hand, it has no version and no variant of RFC 9562; Postgres takes it all the same.
  const id = '11111111-1111-1111-1111-111111111111'
  const position = { createdAt: '2025-01-02T03:04:05.678Z', id, title: 'Milk' }
  const cursor = sealCursor(position, scope)
  expect(openCursor(cursor, scope)).toEqual(position)
})
