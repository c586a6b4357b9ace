import { expect, test } from 'vitest'
import { call, createTask } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

test('every answer that cost a permit says what is left, and of what', async () => {
  const user = newUser()
  const left = []
  const task = await createTask(user)
  for (const path of ['/api/tasks', `/api/tasks/${task.id}`, `/api/tasks/${crypto.randomUUID()}`]) {
    const { headers } = await call('GET', path, { as: user })
    expect(headers.get('ratelimit-policy')).toMatch(/^"user";q=\d+;w=\d+$/)
    const [, remaining, reset] =
      /^"user";r=(\d+);t=(\d+)$/.exec(headers.get('ratelimit') ?? '') ?? []
    left.push(Number(remaining))
    expect(Number(reset)).toBeGreaterThan(0)
  }
  expect(left.every((remaining) => remaining > 0)).toBe(true)
})

test('what costs no permit says nothing of permits', async () => {
  for (const path of ['/health', '/api/tasks', '/nope']) {
    expect((await call('GET', path)).headers.has('ratelimit')).toBe(false)
  }
})
