import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { call, createTask } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

describe('PATCH /api/tasks/{id}/complete', () => {
  test.each([
    ['no body', {}],
    ['an empty body declared as JSON', { headers: { 'content-type': 'application/json' } }],
    ['an empty object', { body: {} }],
  ])('flips with %s', async (_, options) => {
    const user = newUser()
    const task = await createTask(user)
    for (const completed of [true, false, true]) {
      const answer = await call('PATCH', `/api/tasks/${task.id}/complete`, { as: user, ...options })
      expect(answer.status).toBe(200)
      expect(answer.json()).toMatchObject({ id: task.id, completed, is_completed: completed })
    }
  })

  test.each(['completed', 'is_completed'])('sets what %s says, however often', async (field) => {
    const user = newUser()
    const task = await createTask(user)
    for (const completed of [true, true, false, false]) {
      const answer = await call('PATCH', `/api/tasks/${task.id}/complete`, {
        as: user,
        body: { [field]: completed },
      })
      expect(answer.json()).toMatchObject({ completed, is_completed: completed })
    }
  })

  test.each([
    ['a flip', undefined],
    ['a set', { completed: true }],
    ['a set to what it is', { completed: false }],
  ])('makes updated_at later than before with %s', async (_, body) => {
    const user = newUser()
    const task = await createTask(user)
    await sleep(5)
    const options = { as: user, ...(body !== undefined && { body }) }
    const answer = await call('PATCH', `/api/tasks/${task.id}/complete`, options)
    expect(Date.parse(answer.json().updated_at)).toBeGreaterThan(Date.parse(task.updated_at))
  })

  test('refuses a value that is no boolean and flips nothing', async () => {
    const user = newUser()
    const task = await createTask(user)
    const answer = await call('PATCH', `/api/tasks/${task.id}/complete`, {
      as: user,
      body: { completed: 'true' },
    })
    expect(answer.status).toBe(422)
    expect((await call('GET', `/api/tasks/${task.id}`, { as: user })).json()).toEqual(task)
  })
})
