import { expect, inject, test } from 'vitest'
import { host } from '#tests/failures/world'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

/** A service with these settings, and what calls it as a user. */
async function open(settings: Record<string, string>, as = newUser()) {
  const DATABASE_URL = server.url(await createDatabase(server))
  const service = await startService(host, { DATABASE_URL, ...settings })
  const headers = {
    authorization: `Bearer ${await tokenFor(as)}`,
    'content-type': 'application/json',
  }
  const call = async (method: string, path: string, body?: unknown) => {
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await fetch(new URL(path, service.url), init)
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) }
  }
  return { as, call, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() }
}

test('DELETE_ANSWER=task answers 200 with the task that was deleted, and the document says so', async () => {
  await using service = await open({ DELETE_ANSWER: 'task' })
  const { body: task } = await service.call('POST', '/api/tasks', { title: 'Buy milk' })
  const path = `/api/tasks/${task.id}`
  expect(await service.call('DELETE', path)).toMatchObject({ status: 200, body: task })
  expect((await service.call('DELETE', path)).status).toBe(404)
  expect((await service.call('GET', path)).status).toBe(404)
  const { paths } = (await service.call('GET', '/openapi.json')).body
  expect(Object.keys(paths['/api/tasks/{id}'].delete.responses)).toContain('200')
  expect(Object.keys(paths['/api/tasks/{id}'].delete.responses)).not.toContain('204')
})

for (const [field, other] of [
  ['completed', 'is_completed'],
  ['is_completed', 'completed'],
] as const) {
  test(`with COMPLETION_FIELD=${field} a client may send back what it read with ${field} changed`, async () => {
    await using service = await open({ COMPLETION_FIELD: field, DELETE_ANSWER: 'task' })
    const create = { title: 'Buy milk', [field]: false, [other]: 'ignored' }
    const created = await service.call('POST', '/api/tasks', create)
    expect(created.status).toBe(201)
    const path = `/api/tasks/${created.body.id}`
    const [listed] = (await service.call('GET', '/api/tasks')).body
    const answers = [
      created.body,
      listed,
      (await service.call('GET', path)).body,
      (await service.call('PUT', path, { ...listed, [field]: true, [other]: false })).body,
      (await service.call('PATCH', `${path}/complete`, { [other]: false, [field]: true })).body,
      (await service.call('PATCH', path, { [other]: false })).body,
      (await service.call('PATCH', `${path}/complete`)).body,
      (await service.call('DELETE', path)).body,
    ]
    expect(answers.map((task) => [task[field], other in task])).toEqual([
      ...[false, false, false, true, true, true, false, false].map((value) => [value, false]),
    ])
    const { components } = (await service.call('GET', '/openapi.json')).body
    for (const name of ['Task', 'NewTask', 'TaskPatch', 'TaskCompletion']) {
      expect(components.schemas[name].properties).toHaveProperty(field)
      expect(components.schemas[name].properties).not.toHaveProperty(other)
    }
  })
}

// Next reads it when it builds, so Vercel's function has the one of its build.
test.skipIf(host === 'vercel').each([
  ['/api/todos', '/api/todos'],
  ['/api/v1/tasks', '/api/v1/tasks'],
  ['/api/users/{user_id}/tasks', '/api/users/USER/tasks'],
])('TASKS_PATH=%s is served like /api/tasks, and described', async (tasksPath, path) => {
  const as = `with a space:${newUser()}`
  await using service = await open({ TASKS_PATH: tasksPath }, as)
  const list = path.replace('USER', encodeURIComponent(as))
  for (const slash of ['', '/']) {
    const created = await service.call('POST', list + slash, { title: 'Buy milk' })
    expect(created).toMatchObject({ status: 201, body: { user_id: as } })
    const location = new URL(created.headers.get('location') ?? '', `http://service${list}${slash}`)
    const one = location.pathname
    expect(one).toBe(`${list}/${created.body.id}`)
    expect((await service.call('GET', one + slash)).body).toEqual(created.body)
    expect((await service.call('PUT', one + slash, { title: 'x' })).body.title).toBe('x')
    expect((await service.call('PATCH', `${one}/complete${slash}`)).body.completed).toBe(true)
    expect((await service.call('PATCH', `${one}/toggle${slash}`)).body.completed).toBe(false)
    expect((await service.call('GET', list + slash)).body).toHaveLength(1)
    expect((await service.call('GET', `/api/tasks/${created.body.id}`)).status).toBe(200)
    expect((await service.call('DELETE', one + slash)).status).toBe(204)
    expect((await service.call('PUT', list + slash)).headers.get('allow')).toContain('POST')
  }
  if (path.includes('USER')) {
    const answer = await service.call('GET', path.replace('USER', newUser()))
    expect(answer).toMatchObject({ status: 403, body: { code: 'other_user' } })
  }
  const { paths } = (await service.call('GET', '/openapi.json')).body
  const described = tasksPath.replace('{user_id}', '{userId}')
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining([described, `${described}/{id}`, `${described}/{id}/toggle`]),
  )
})
