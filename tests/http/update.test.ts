import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { call, createTask } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

describe('PATCH /api/tasks/{id}', () => {
  const original = { title: 'Buy milk', description: 'two bottles', completed: true }

  test.each([
    ['title', { title: ' Buy bread ' }, { title: 'Buy bread' }],
    ['description', { description: 'one loaf' }, { description: 'one loaf' }],
    ['description to null', { description: null }, { description: null }],
    ['completed', { completed: false }, { completed: false, is_completed: false }],
    ['is_completed', { is_completed: false }, { completed: false, is_completed: false }],
  ])('changes %s and updated_at, and leaves the rest', async (_, body, changed) => {
    const user = newUser()
    const task = await createTask(user, original)
    await sleep(5)
    const answer = await call('PATCH', `/api/tasks/${task.id}`, { as: user, body })
    expect(answer.status).toBe(200)
    const updated = answer.json()
    expect(updated).toEqual({ ...task, ...changed, updated_at: updated.updated_at })
    expect(Date.parse(updated.updated_at)).toBeGreaterThan(Date.parse(task.updated_at))
    const read = await call('GET', `/api/tasks/${task.id}`, { as: user })
    expect(read.json()).toEqual(updated)
  })

  test.each([
    ['an empty title', { title: '' }, '/title'],
    ['null as title', { title: null }, '/title'],
    ['a description that is too long', { description: 'x'.repeat(1001) }, '/description'],
    ['null as completion', { completed: null }, '/completed'],
    ['two completions that differ', { completed: true, is_completed: false }, '/is_completed'],
    ['a list', [1], ''],
  ])('refuses %s and changes nothing', async (_, body, pointer) => {
    const user = newUser()
    const task = await createTask(user, original)
    const answer = await call('PATCH', `/api/tasks/${task.id}`, { as: user, body })
    expect(answer.status).toBe(422)
    expect(answer.problem.errors).toEqual([expect.objectContaining({ pointer })])
    const read = await call('GET', `/api/tasks/${task.id}`, { as: user })
    expect(read.json()).toEqual(task)
  })
})
