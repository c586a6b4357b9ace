import { afterAll, expect, test } from 'vitest'
import { newDatabase } from '#tests/support/databases'
import { closeHere, startHere } from '#tests/support/in-process'
import { newUser, tokenFor } from '#tests/support/tokens'

const DATABASE_URL = (await newDatabase()).url
afterAll(closeHere)

/** Starts the service with these settings. @returns what calls it as a user */
async function open(settings: Record<string, string>, as = newUser()) {
  const { ask } = await startHere({ DATABASE_URL, ...settings })
  const authorization = `Bearer ${await tokenFor(as)}`
  return async (method: string, path: string, body?: unknown, further = {}) => {
    const headers = { authorization, 'content-type': 'application/json', ...further }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await ask(path, { method, headers, ...sent })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) }
  }
}

test('DELETE_ANSWER=task answers 200 with the task that was deleted, and the document says so', async () => {
  const call = await open({ DELETE_ANSWER: 'task' })
  const { body: task } = await call('POST', '/api/tasks', { title: 'Buy milk' })
  const path = `/api/tasks/${task.id}`
  expect(await call('DELETE', path)).toMatchObject({ status: 200, body: task })
  expect((await call('DELETE', path)).status).toBe(404)
  const { paths } = (await call('GET', '/openapi.json')).body
  const statuses = Object.keys(paths['/api/tasks/{id}'].delete.responses)
  expect(statuses.filter((status) => status.startsWith('2'))).toEqual(['200'])
})

test.each([
  ['completed', 'is_completed'],
  ['is_completed', 'completed'],
])('COMPLETION_FIELD=%s takes back what it gave, and has no %s anywhere', async (...fields) => {
  const [field, other] = fields
  const call = await open({ COMPLETION_FIELD: field, DELETE_ANSWER: 'task' })
  const create = { title: 'Buy milk', [field]: false, [other]: 'ignored' }
  const { body: created } = await call('POST', '/api/tasks', create)
  const path = `/api/tasks/${created.id}`
  const [listed] = (await call('GET', '/api/tasks')).body
  const answers = [
    created,
    listed,
    (await call('GET', path)).body,
    (await call('PUT', path, { ...listed, [field]: true, [other]: false })).body,
    (await call('PATCH', `${path}/complete`, { [other]: false, [field]: true })).body,
    (await call('PATCH', path, { [other]: false })).body,
    (await call('PATCH', `${path}/complete`)).body,
    (await call('DELETE', path)).body,
  ]
  const seen = [false, false, false, true, true, true, false, false]
  expect(answers.map((task) => task[field])).toEqual(seen)
  expect(answers.filter((task) => other in task)).toEqual([])

  // The document has the other name as a filter alone.
  const document = (await call('GET', '/openapi.json')).body
  expect(document.components.schemas.Task.required).toContain(field)
  expect(JSON.stringify(document)).toContain(`"${field}":{"type":"boolean"`)
  const otherField = new RegExp(`"${other}":(?:\\{"(?:type|description)|true|false)`)
  expect(JSON.stringify(document)).not.toMatch(otherField)
})

test('after a change of COMPLETION_FIELD a task that was read before is no 304, and its tag still guards a write', async () => {
  const as = newUser()
  const before = await open({ COMPLETION_FIELD: 'completed' }, as)
  const created = await before('POST', '/api/tasks', { title: 'Buy milk' })
  const path = `/api/tasks/${created.body.id}`
  const known = (headers: Headers) => ({ 'if-none-match': headers.get('etag') })
  expect((await before('GET', path, undefined, known(created.headers))).status).toBe(304)

  for (const COMPLETION_FIELD of ['is_completed', 'both']) {
    const call = await open({ COMPLETION_FIELD }, as)
    const read = await call('GET', path, undefined, known(created.headers))
    expect(read).toMatchObject({ status: 200, body: { is_completed: false } })
    expect((await call('GET', path, undefined, known(read.headers))).status).toBe(304)
  }
  const call = await open({}, as)
  const rename = () =>
    call('PATCH', path, { title: 'x' }, { 'if-match': created.headers.get('etag') })
  expect((await rename()).status).toBe(200)
  expect((await rename()).status).toBe(412)
})

test.each([
  ['/api/todos', '/api/tasks'],
  ['/api/task', '/api/tasks'],
  ['/api/users/{user_id}/tasks', '/api/{userId}/tasks'],
])('TASKS_PATH=%s is served and documented like %s', async (tasksPath, usual) => {
  const as = `with a space:${newUser()}`
  const call = await open({ TASKS_PATH: tasksPath }, as)
  const { paths } = (await call('GET', '/openapi.json')).body
  const statusesOf = (path: string) =>
    Object.entries<{ responses: object }>(paths[path]).map(([method, { responses }]) => [
      ...[method, Object.keys(responses)],
    ])
  for (const part of ['', '/{id}', '/{id}/complete', '/{id}/toggle']) {
    const own = tasksPath.replace('{user_id}', '{userId}') + part
    expect(statusesOf(own)).toEqual(statusesOf(usual + part))
  }
  const list = tasksPath.replace('{user_id}', encodeURIComponent(as))
  for (const slash of ['', '/']) {
    const created = await call('POST', list + slash, { title: 'Buy milk' })
    expect(created).toMatchObject({ status: 201, body: { user_id: as } })
    const location = new URL(created.headers.get('location') ?? '', `http://service${list}${slash}`)
    const one = location.pathname
    expect(one).toBe(`${list}/${created.body.id}`)
    expect((await call('GET', one + slash)).body).toEqual(created.body)
    expect((await call('PUT', one + slash, { title: 'x' })).body.title).toBe('x')
    expect((await call('PATCH', `${one}/complete${slash}`)).body.completed).toBe(true)
    expect((await call('PATCH', `${one}/toggle${slash}`)).body.completed).toBe(false)
    expect((await call('GET', list + slash)).body).toHaveLength(1)
    expect((await call('GET', `/api/tasks/${created.body.id}`)).status).toBe(200)
    expect((await call('DELETE', one + slash)).status).toBe(204)
    expect((await call('PUT', list + slash)).headers.get('allow')).toContain('POST')
  }
})

test.each(['tasks', 'items'])('LIST_ENVELOPE=%s wraps the list, with counts', async (envelope) => {
  const call = await open({ LIST_ENVELOPE: envelope })
  const list = (query: string, headers = {}) =>
    call('GET', `/api/tasks${query}`, undefined, headers)
  for (const title of ['a', 'b', 'c', 'd']) {
    await call('POST', '/api/tasks', { title, completed: title === 'a' })
  }
  const first = await list('?limit=2')
  const tasks = ['d', 'c'].map((title) => expect.objectContaining({ title }))
  expect(first.body).toEqual({ [envelope]: tasks, count: 2, total: 4 })
  expect((await list('?status=pending&limit=1')).body).toMatchObject({ count: 1, total: 3 })
  const [, next = ''] = /<(.*)>/.exec(first.headers.get('link') ?? '') ?? []
  const { body: last } = await list(next)
  expect(last).toMatchObject({ [envelope]: [{ title: 'b' }, { title: 'a' }], count: 2, total: 4 })

  const again = () => list('?limit=2', { 'if-none-match': first.headers.get('etag') })
  expect((await again()).status).toBe(304)
  // Only the total tells that a task of another page is gone: this one and its link are as before.
  await call('DELETE', `/api/tasks/${last[envelope][1].id}`)
  const shrunk = await again()
  expect(shrunk).toMatchObject({ status: 200, body: { ...first.body, total: 3 } })
  expect(shrunk.headers.get('link')).toBe(first.headers.get('link'))
})
