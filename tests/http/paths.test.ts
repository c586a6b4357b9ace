import { describe, expect, test } from 'vitest'
import { call } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const user = newUser()

const families = ['/api/tasks', `/api/${user}/tasks`, `/api/${user}`]

describe.each(families)('the path family %s', (list) => {
  test.each(['', '/'])('serves every operation, with %j behind its paths', async (slash) => {
    const created = await call('POST', list + slash, { as: user, body: { title: 'x' } })
    expect(created.status).toBe(201)
    const { id } = created.json()
    const path = `${list}/${id}`
    expect((await call('GET', list + slash, { as: user })).text).toContain(id)
    expect((await call('GET', path + slash, { as: user })).json()).toMatchObject({ id })
    for (const title of ['PUT', 'PATCH']) {
      const updated = await call(title, path + slash, { as: user, body: { title } })
      expect(updated.json()).toMatchObject({ id, title })
    }
    for (const verb of ['complete', 'toggle']) {
      const flipped = await call('PATCH', `${path}/${verb}${slash}`, { as: user })
      expect(flipped.json()).toMatchObject({ id, completed: verb === 'complete' })
    }
    expect((await call('DELETE', path + slash, { as: user })).status).toBe(204)
  })
})

const pages = ['/', '/health', '/health/live', '/health/ready', '/openapi.json', '/docs']
test.each([
  ...families.map((list) => [list, 'GET, HEAD, POST, OPTIONS']),
  ...families.map((list) => [`${list}/id`, 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS']),
  ...families.map((list) => [`${list}/id/complete`, 'PATCH, OPTIONS']),
  ...families.map((list) => [`${list}/id/toggle`, 'PATCH, OPTIONS']),
  ...[...pages, '/docs/errors'].map((path) => [path, 'GET, HEAD, OPTIONS']),
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
