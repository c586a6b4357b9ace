import { describe, expect, test } from 'vitest'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

describe('DELETE /api/tasks/{id}', () => {
  test('answers 204 without a body, and the task is gone', async () => {
    const user = newUser()
    const task = await createTask(user)
    const kept = await createTask(user)
    const answer = await call('DELETE', `/api/tasks/${task.id}`, {
      as: user,
      // Frontends set this for every request.
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.status).toBe(204)
    expect(answer.text).toBe('')
    expect((await call('GET', `/api/tasks/${task.id}`, { as: user })).status).toBe(404)
    expect(await listTasks(user)).toEqual([kept])
  })

  test('a second one is 404', async () => {
    const user = newUser()
    const { id } = await createTask(user)
    const statuses = []
    for (let times = 0; times < 2; times += 1) {
      statuses.push((await call('DELETE', `/api/tasks/${id}`, { as: user })).status)
    }
    expect(statuses).toEqual([204, 404])
  })
})
