import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const original = { title: 'Buy milk', description: 'two bottles', completed: true }
// Frontends set this for every request, with a body and without.
const headers = { 'content-type': 'application/json' }

/** Somebody with a task, and where it is. */
async function newTask() {
  const as = newUser()
  const task = await createTask(as, original)
  const path = `/api/tasks/${task.id}`
  return { as, task, path, read: () => call('GET', path, { as }) }
}

test('GET finds the task, also where its id is written in capitals', async () => {
  const { as, task } = await newTask()
  for (const id of [task.id, task.id.toUpperCase()]) {
    const answer = await call('GET', `/api/tasks/${id}`, { as })
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual(task)
  }
})

test('an unknown id and what is no id have one and the same 404', async () => {
  const as = newUser()
  const bodies = new Set<string>()
  const noIds = ['1', 'x'.repeat(2000), encodeURIComponent("'; drop table tasks; --"), '%00']
  for (const id of [crypto.randomUUID(), ...noIds]) {
    const named = { 'x-request-id': 'same' }
    const answer = await call('GET', `/api/tasks/${id}`, { as, headers: named })
    expect(answer.problem).toMatchObject({ status: 404, code: 'task_not_found' })
    bodies.add(answer.text)
  }
  expect(bodies.size).toBe(1)
})

const open = { completed: false, is_completed: false }

test.each([
  ['', { title: ' Buy bread ' }, { title: 'Buy bread' }],
  ['', { description: 'one loaf' }, { description: 'one loaf' }],
  ['', { description: null }, { description: null }],
  ['', { completed: false }, open],
  ['', { is_completed: false }, open],
  ['/complete', undefined, open],
  ['/complete', {}, open],
  ['/complete', { completed: false }, open],
  ['/complete', { is_completed: false }, open],
  ['/complete', { completed: true }, {}],
])('PATCH /api/tasks/{id}%s with %j changes that and updated_at, and no more', async (...row) => {
  const [suffix, body, changed] = row
  const { as, task, path, read } = await newTask()
  await sleep(5)
  const sent = body === undefined ? {} : { body }
  const answer = await call('PATCH', path + suffix, { as, headers, ...sent })
  expect(answer.status).toBe(200)
  const updated = answer.json()
  expect(updated).toEqual({ ...task, ...changed, updated_at: updated.updated_at })
  expect(Date.parse(updated.updated_at)).toBeGreaterThan(Date.parse(task.updated_at))
  expect((await read()).json()).toEqual(updated)
})

test.each([
  ['', { title: '' }, '/title'],
  ['', { title: null }, '/title'],
  ['', { completed: null }, '/completed'],
  ['', { completed: true, is_completed: false }, '/is_completed'],
  ['', [1], ''],
  ['/complete', { completed: 'true' }, '/completed'],
])('PATCH /api/tasks/{id}%s refuses %j, and changes nothing', async (suffix, body, pointer) => {
  const { as, task, path, read } = await newTask()
  const answer = await call('PATCH', path + suffix, { as, body })
  expect(answer.status).toBe(422)
  expect(answer.problem.errors).toEqual([expect.objectContaining({ pointer })])
  expect((await read()).json()).toEqual(task)
})

test('DELETE is a 204 without a body, that task is gone, and a second one is a 404', async () => {
  const { as, path, read } = await newTask()
  const kept = await createTask(as)
  const answer = await call('DELETE', path, { as, headers })
  expect([answer.status, answer.text]).toEqual([204, ''])
  expect((await read()).status).toBe(404)
  expect(await listTasks(as)).toEqual([kept])
  expect((await call('DELETE', path, { as })).status).toBe(404)
})
