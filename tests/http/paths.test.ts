import { describe, expect, test } from 'vitest'
import { call } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const user = newUser()

const families = [
  ['canonical', '/api/tasks', '/api/tasks'],
  ['with the user', `/api/${user}/tasks`, `/api/${user}/tasks`],
  ['with the user alone', `/api/${user}`, `/api/${user}`],
] as const

describe.each(families)('the path family %s', (_, list, one) => {
  describe.each([
    ['without', ''],
    ['with', '/'],
  ])('%s a trailing slash', (_, slash) => {
    test('serves every operation', async () => {
      const created = await call('POST', `${list}${slash}`, { as: user, body: { title: 'x' } })
      expect(created.status).toBe(201)
      const { id } = created.json()
      const path = `${one}/${id}`
      expect((await call('GET', `${list}${slash}`, { as: user })).text).toContain(id)
      expect((await call('GET', `${path}${slash}`, { as: user })).json()).toMatchObject({ id })
      for (const method of ['PUT', 'PATCH']) {
        const updated = await call(method, `${path}${slash}`, { as: user, body: { title: method } })
        expect(updated.json()).toMatchObject({ id, title: method })
      }
      for (const verb of ['complete', 'toggle']) {
        const flipped = await call('PATCH', `${path}/${verb}${slash}`, { as: user })
        expect(flipped.json()).toMatchObject({ id, completed: verb === 'complete' })
      }
      expect((await call('DELETE', `${path}${slash}`, { as: user })).status).toBe(204)
    })
  })
})

const onePath = 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'
const verbs = ['complete', 'toggle']
test.each([
  ...families.map(([, list]) => [list, 'GET, HEAD, POST, OPTIONS']),
  ...families.map(([, , one]) => [`${one}/some-id`, onePath]),
  ...families.flatMap(([, , one]) => verbs.map((verb) => [`${one}/id/${verb}`, 'PATCH, OPTIONS'])),
  ...[
    '/',
    '/health',
    '/health/live',
    '/health/ready',
    '/openapi.json',
    '/docs',
    '/docs/errors',
  ].map((path) => [path, 'GET, HEAD, OPTIONS']),
])('%s has %s, which a 405 and OPTIONS say without credentials', async (path = '', allow = '') => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
    if (allow.split(', ').includes(method)) continue
    const answer = await call(method, path)
    expect([method, answer.status]).toEqual([method, 405])
    expect(answer.problem.code).toBe('method_not_allowed')
    expect(answer.headers.get('allow')).toBe(allow)
  }
  const options = await call('OPTIONS', path)
  expect([options.status, options.headers.get('allow')]).toEqual([204, allow])
})

test.each([
  ...['/nope', '/api', '/api/', '/api/tasks/1/complete/2', '/api/tasks/1/2'],
  ...['/health/deep/down', '/favicon.ico', '/.env'],
])('%s does not exist, and is a 404 for every method', async (path) => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
    const { problem } = await call(method, path, { as: user })
    expect(problem).toMatchObject({ status: 404, code: 'path_not_found' })
  }
})

test('the service index names the service, its version and its links', async () => {
  const answer = await call('GET', '/')
  expect(answer.status).toBe(200)
  const index = answer.json<{ name: string; version: string; links: Record<string, string> }>()
  expect(index).toMatchObject({ name: 'todo-backend', version: expect.any(String) })
  for (const link of Object.values(index.links)) {
    expect((await call('GET', link, { as: user })).status, link).toBe(200)
  }
})
