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

  test.each([
    [list, 'GET, HEAD, POST, OPTIONS', ['PUT', 'PATCH', 'DELETE']],
    [`${one}/some-id`, 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS', ['POST']],
    [`${one}/some-id/complete`, 'PATCH, OPTIONS', ['GET', 'POST', 'PUT', 'DELETE']],
    [`${one}/some-id/toggle`, 'PATCH, OPTIONS', ['GET', 'POST', 'PUT', 'DELETE']],
  ])(
    '%s names its methods in a 405, without asking for credentials',
    async (path, allow, others) => {
      for (const method of others) {
        const answer = await call(method, path)
        expect(answer.status).toBe(405)
        expect(answer.problem.code).toBe('method_not_allowed')
        expect(answer.headers.get('allow')).toBe(allow)
      }
      const options = await call('OPTIONS', path)
      expect(options.status).toBe(204)
      expect(options.headers.get('allow')).toBe(allow)
    },
  )
})

describe('a path that does not exist', () => {
  test.each([
    '/nope',
    '/api',
    '/api/',
    '/api/tasks/1/complete/2',
    '/api/tasks/1/2',
    '/health/deep/down',
    '/favicon.ico',
    '/.env',
  ])('%s is a 404 problem document for every method', async (path) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await call(method, path, { as: user })
      expect(answer.status).toBe(404)
      expect(answer.problem.code).toBe('path_not_found')
    }
  })
})

describe('the service index', () => {
  test('names the service, its version and its links', async () => {
    const answer = await call('GET', '/')
    expect(answer.status).toBe(200)
    const index = answer.json<{ name: string; version: string; links: Record<string, string> }>()
    expect(index).toMatchObject({ name: 'todo-backend', version: expect.any(String) })
    for (const link of Object.values(index.links)) {
      expect((await call('GET', link, { as: user })).status, link).toBe(200)
    }
  })

  test('has no other method than GET', async () => {
    const answer = await call('POST', '/')
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
  })
})
