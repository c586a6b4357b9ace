import { expect, test } from 'vitest'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

test('DELETE /api/tasks/{id} is a 204 without a body, the task is gone, and a second one is a 404', async () => {
  const as = newUser()
  const path = `/api/tasks/${(await createTask(as)).id}`
  const kept = await createTask(as)
  // Frontends set this for every request.
  const headers = { 'content-type': 'application/json' }
  const answer = await call('DELETE', path, { as, headers })
  expect([answer.status, answer.text]).toEqual([204, ''])
  expect((await call('GET', path, { as })).status).toBe(404)
  expect(await listTasks(as)).toEqual([kept])
  expect((await call('DELETE', path, { as })).status).toBe(404)
})
