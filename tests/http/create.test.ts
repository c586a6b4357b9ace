import { describe, expect, test } from 'vitest'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

describe('POST /api/tasks', () => {
  test('stores a task and answers 201 with it and its Location', async () => {
    const user = newUser()
    const body = { title: '  Buy milk ', description: 'two bottles' }
    const answer = await call('POST', '/api/tasks', { as: user, body })
    expect(answer.status).toBe(201)
    const task = answer.json()
    expect(task).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      user_id: user,
      title: 'Buy milk',
      description: 'two bottles',
      completed: false,
      is_completed: false,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: task.created_at,
    })
    expect(Math.abs(Date.parse(task.created_at) - Date.now())).toBeLessThan(60_000)
    expect(answer.headers.get('location')).toBe(`tasks/${task.id}`)
    expect(answer.headers.get('content-type')).toBe('application/json')
    const read = await call('GET', `/api/tasks/${task.id}`, { as: user })
    expect(read.json()).toEqual(task)
  })

  const families = ['/api/tasks', '/api/USER/tasks', '/api/USER']
  test.each(families)('from %s, Location leads to the task behind any prefix', async (path) => {
    for (const user of [newUser(), `ns:${newUser()}`, `with a space ${newUser()}`]) {
      const list = path.replace('USER', encodeURIComponent(user).replaceAll('%3A', ':'))
      for (const called of [list, `${list}/`]) {
        const { headers } = await call('POST', called, { as: user, body: { title: 'x' } })
        const base = new URL(`https://app.example.com/a/proxy${called}`)
        const { origin, pathname } = new URL(headers.get('location') ?? '', base)
        expect(origin + pathname).toMatch('https://app.example.com/a/proxy/api/')
        const read = await call('GET', pathname.replace('/a/proxy', ''), { as: user })
        expect([called, read.status]).toEqual([called, 200])
      }
    }
  })

  test.each([
    [{ completed: true }, true],
    [{ is_completed: true }, true],
    [{ completed: true, is_completed: true }, true],
    [{ completed: false }, false],
  ])('takes completion under either name: %o', async (completion, expected) => {
    const task = await createTask(newUser(), { title: 'x', ...completion })
    expect(task).toMatchObject({ completed: expected, is_completed: expected })
  })

  test('ignores an owner, an id and timestamps in the body', async () => {
    const [user, other] = [newUser(), newUser()]
    const id = crypto.randomUUID()
    const own = { user_id: other, id, created_at: '2001-01-01T00:00:00Z', priority: 'high' }
    const task = await createTask(user, { title: 'x', ...own })
    expect(task).toMatchObject({ user_id: user, description: null })
    expect(task.id).not.toBe(id)
    expect(task.created_at).not.toContain('2001')
    expect(await listTasks(other)).toEqual([])
  })

  test.each([
    [{}, '/title', 'required'],
    [{ title: null }, '/title', 'invalid_type'],
    [{ title: '' }, '/title', 'too_short'],
    [{ title: ' \t\n' }, '/title', 'too_short'],
    [{ title: 'a\0b' }, '/title', 'invalid_characters'],
    [{ title: 'a\ud800' }, '/title', 'invalid_characters'],
    [{ title: 'x', description: '\0' }, '/description', 'invalid_characters'],
    [{ title: 'x', description: [] }, '/description', 'invalid_type'],
    [{ title: 'x', completed: 'true' }, '/completed', 'invalid_type'],
    [{ title: 'x', completed: true, is_completed: false }, '/is_completed', 'contradiction'],
    [[], '', 'invalid_type'],
    [null, '', 'invalid_type'],
  ])('refuses %j and stores nothing', async (body, pointer, code) => {
    const user = newUser()
    const answer = await call('POST', '/api/tasks', { as: user, body })
    expect(answer.status).toBe(422)
    expect(answer.problem.code).toBe('validation_failed')
    expect(answer.problem.errors).toEqual([{ pointer, code, detail: expect.any(String) }])
    expect(await listTasks(user)).toEqual([])
  })

  test('names all that is wrong at once, and says what each must be', async () => {
    const body = { title: null, description: 5, completed: 'no' }
    const { problem } = await call('POST', '/api/tasks', { as: newUser(), body })
    const said = problem.errors?.map(({ pointer, detail }) => `${pointer}: ${detail}`)
    expect(said?.sort()).toEqual([
      '/completed: completed must be true or false.',
      '/description: description must be a string.',
      '/title: title must be a string.',
    ])
  })
})
