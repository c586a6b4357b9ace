import { describe, expect, test } from 'vitest'
import { call, createTask } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

describe('GET /api/tasks/{id}', () => {
  test('answers with the task', async () => {
    const user = newUser()
    const task = await createTask(user)
    const answer = await call('GET', `/api/tasks/${task.id}`, { as: user })
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual(task)
    expect(answer.headers.get('cache-control')).toBe('private, no-cache')
  })

  test('finds a task whose id is written in capitals', async () => {
    const user = newUser()
    const { id } = await createTask(user)
    expect((await call('GET', `/api/tasks/${id.toUpperCase()}`, { as: user })).status).toBe(200)
  })

  test('answers one and the same 404 for an unknown id and for what is no id', async () => {
    const user = newUser()
    const bodies = new Set<string>()
    for (const id of [
      crypto.randomUUID(),
      '1',
      'x'.repeat(2000),
      "'; drop table tasks; --",
      '%00',
    ]) {
      const path = `/api/tasks/${id === '%00' ? id : encodeURIComponent(id)}`
      const answer = await call('GET', path, { as: user, headers: { 'x-request-id': 'same' } })
      expect(answer.status).toBe(404)
      expect(answer.problem.code).toBe('task_not_found')
      bodies.add(answer.text)
    }
    expect(bodies.size).toBe(1)
  })
})
