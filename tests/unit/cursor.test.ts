import { expect, test } from 'vitest'
import { openCursor, sealCursor } from '#lib/tasks/cursor'

const scope = { userId: 'alice', sort: 'created', order: 'desc' }

/** Typed in by hand, it has no version and no variant of RFC 9562; Postgres takes it all the same. */
const typedIn = '11111111-1111-1111-1111-111111111111'

test('pages go on behind an id of any form that the table takes', () => {
  const position = { createdAt: '2025-01-02T03:04:05.678Z', id: typedIn, title: 'Milk' }
  expect(openCursor(sealCursor(position, scope), scope)).toEqual(position)
})

test('a cursor opens for its list alone, and whole', () => {
  const position = { createdAt: '2025-01-02T03:04:05.678Z', id: typedIn, title: 'Milk' }
  const cursor = sealCursor(position, scope)
  expect(sealCursor(position, scope)).toBe(cursor)
  for (const other of [{ userId: 'bob' }, { sort: 'title' }, { order: 'asc' }]) {
    expect(openCursor(cursor, { ...scope, ...other })).toBeUndefined()
    expect(sealCursor(position, { ...scope, ...other })).not.toBe(cursor)
  }
  const cut = Array.from(cursor, (_, end) => cursor.slice(0, end))
  const changed = Array.from(cursor, (letter, at) => {
    const another = letter === 'A' ? 'B' : 'A'
    return cursor.slice(0, at) + another + cursor.slice(at + 1)
  })
  for (const forged of [...cut, ...changed, `${cursor}A`, `${cursor}=`, ` ${cursor}`]) {
    expect(openCursor(forged, scope), forged).toBeUndefined()
  }
  expect(Buffer.from(cursor, 'base64url').toString('latin1')).not.toContain('Milk')
})
