import { describe, expect, test } from 'vitest'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const [alice, bob] = [newUser(), newUser()]
const task = await createTask(alice, { title: 'of Alice', description: 'private' })
const bobsTask = await createTask(bob, { title: 'of Bob' })

/** Each operation on a task, by its method and what is behind the path of the task. */
const operations = ['GET ', 'PUT ', 'PATCH ', 'DELETE ', 'PATCH /complete', 'PATCH /toggle']

/** Bob's attempt. */
function attempt(method: string, path: string) {
  const headers = { 'x-request-id': 'same' }
  const body = method === 'GET' ? {} : { body: { title: 'taken over' } }
  return call(method, path, { as: bob, headers, ...body })
}

describe("another user's task", () => {
  test.each(operations)('%s is the 404 of a task that never was', async (operation) => {
    const [method = '', suffix = ''] = operation.split(' ')
    const foreign = await attempt(method, `/api/tasks/${task.id}${suffix}`)
    const absent = await attempt(method, `/api/tasks/${crypto.randomUUID()}${suffix}`)
    expect(foreign.status).toBe(404)
    expect(foreign.text).toBe(absent.text)
    const read = await call('GET', `/api/tasks/${task.id}`, { as: alice })
    expect(read.json()).toEqual(task)
  })

  test('is in no list of mine, under any filter or sort', async () => {
    for (const query of ['', '?status=pending', '?sort=title', '?limit=1', `?user_id=${alice}`]) {
      expect((await listTasks(bob, query)).map(({ user_id }) => user_id)).toEqual([bob])
    }
  })
})

describe('a path that names another user', () => {
  test.each([
    ...['GET ', 'POST ', 'GET /tasks', 'POST /tasks'],
    ...operations.map((operation) => operation.replace(' ', ' /tasks/ID')),
    ...operations.map((operation) => operation.replace(' ', ' /ID')),
  ])('is 403, and nothing changes, also where the task is mine: %s', async (operation) => {
    const [method = '', suffix = ''] = operation.split(' ')
    for (const { id } of [task, bobsTask]) {
      const { problem } = await attempt(method, `/api/${alice}${suffix.replace('ID', id)}`)
      expect(problem).toMatchObject({ status: 403, code: 'other_user' })
    }
    expect([await listTasks(alice), await listTasks(bob)]).toEqual([[task], [bobsTask]])
  })

  const noUsers = ['todos', 'v1', 'users', 'my-tasks']
  test.each(noUsers)('or no user, such as %s, says that the path may be wrong', async (name) => {
    for (const path of [`/api/${name}`, `/api/${name}/tasks`, `/api/${name}/${task.id}`]) {
      const { problem } = await call('GET', path, { as: bob })
      expect(problem).toMatchObject({ status: 403, code: 'other_user' })
      expect(problem.detail).toContain(`If ${name} is no user`)
      expect(problem.detail).toContain('TASKS_PATH')
    }
    const { problem } = await call('GET', '/api/mYk2vA8qJ5tWzX1cR7bN4dL9sE3fG6hP', { as: bob })
    expect(problem.detail).toBe('The path names another user than the token.')
  })
})
