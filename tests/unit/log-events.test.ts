import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { routeOf } from '#lib/http/route-pattern'

test('docs/operations.md has every event of the log with its level, and no other', () => {
  const calls = globSync('{app,lib,db,server}/**/*.ts').flatMap((file) => [
    ...readFileSync(file, 'utf8').matchAll(/log\(\)\.(\w+)\(\{\s*event: '(\w+)'/g),
  ])
  const inCode = calls.map(([, level, event]) => `${event} ${level}`)
  const rows = readFileSync('docs/operations.md', 'utf8').matchAll(
    /^\| `(\w+)` \| (info|warn|error) \|/gm,
  )
  const inDocs = Array.from(rows, ([, event, level]) => `${event} ${level}`)
  expect(inCode.length).toBeGreaterThan(6)
  expect(inDocs.sort()).toEqual([...new Set(inCode)].sort())
})

test.each([
  ['/', {}, '/'],
  ['/api/t%61sks/', {}, '/api/tasks'],
  ['/api/a%3Ab', { userId: 'a:b' }, '/api/{userId}'],
  ['/api/us%65r/tasks/1', { userId: 'us%65r', id: '1' }, '/api/{userId}/tasks/{id}'],
  ['/api/tasks/tasks', { id: 'tasks' }, '/api/tasks/{id}'],
  ['/nope/%ff', {}, '(unknown path)'],
  ['/any/thing', { path: ['any', 'thing'] }, '(unknown path)'],
])('the route of %s holds nothing that a client made up', (path, params, pattern) => {
  const url = new URL(path, 'http://service')
  expect(routeOf({ url, params })).toBe(pattern)
})
