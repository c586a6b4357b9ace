import { expect, test } from 'vitest'
import { createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

test('a created task is in the list', async () => {
  const user = newUser()
  const task = await createTask(user)
  expect(await listTasks(user)).toEqual([task])
})
