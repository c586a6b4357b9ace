import { expect, test } from 'vitest'
import { openCursor, sealCursor } from '#lib/tasks/cursor'

const scope = { userId: 'alice', sort: 'created', order: 'desc' }

/** Typed in by hand, it has no version and no variant of RFC 9562; Postgres takes it all the same. */
const typedIn = '11111111-1111-1111-1111-111111111111'

test('pages go on behind an id of any form that the table takes', () => {
  const position = { createdAt: '2025-01-02T03:04:05.678Z', id: typedIn, title: 'Milk' }
  expect(openCursor(sealCursor(position, scope), scope)).toEqual(position)
})
