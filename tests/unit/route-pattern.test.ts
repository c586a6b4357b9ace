import { expect, test } from 'vitest'
import { routeOf } from '#lib/http/route-pattern'

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
