import { describe, expect, test } from 'vitest'
import { call, createTask } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

describe('POST /api/tasks', () => {
  test('stores a task and answers 201 with it and its Location', async () => {
    const user = newUser()
    const answer = await call('POST', '/api/tasks', {
      as: user,
      body: { title: '  Buy milk ', description: 'two bottles' },
    })
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

  test.each(['/api/tasks', '/api/USER/tasks', '/api/USER'])(
    'Location is relative, and leads from %s to the task behind any prefix',
    async (path) => {
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
    },
  )

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
    const user = newUser()
    const other = newUser()
    const id = crypto.randomUUID()
    const task = await createTask(user, {
      title: 'x',
      user_id: other,
      id,
      created_at: '2001-01-01T00:00:00Z',
      priority: 'high',
    })
    expect(task.user_id).toBe(user)
    expect(task.id).not.toBe(id)
    expect(task.created_at).not.toContain('2001')
    expect(task.description, 'missing').toBeNull()
    expect((await call('GET', '/api/tasks', { as: other })).json()).toEqual([])
  })

  test.each([
    ['no title', {}, '/title', 'required'],
    ['null as title', { title: null }, '/title', 'invalid_type'],
    ['a number as title', { title: 1 }, '/title', 'invalid_type'],
    ['an empty title', { title: '' }, '/title', 'too_short'],
    ['a blank title', { title: ' \t\n' }, '/title', 'too_short'],
    ['a NUL in the title', { title: 'a\0b' }, '/title', 'invalid_characters'],
    ['half a surrogate pair in the title', { title: 'a\ud800' }, '/title', 'invalid_characters'],
    [
      'a NUL in the description',
      { title: 'x', description: '\0' },
      '/description',
      'invalid_characters',
    ],
    ['a list as description', { title: 'x', description: [] }, '/description', 'invalid_type'],
    ['a string as completion', { title: 'x', completed: 'true' }, '/completed', 'invalid_type'],
    [
      'two completions that differ',
      { title: 'x', completed: true, is_completed: false },
      '/is_completed',
      'contradiction',
    ],
    ['a list as body', [], '', 'invalid_type'],
    ['a string as body', 'title', '', 'invalid_type'],
    ['null as body', null, '', 'invalid_type'],
  ])('refuses %s and stores nothing', async (_, body, pointer, code) => {
    const user = newUser()
    const answer = await call('POST', '/api/tasks', { as: user, body })
    expect(answer.status).toBe(422)
    expect(answer.problem.code).toBe('validation_failed')
    expect(answer.problem.errors).toEqual([{ pointer, code, detail: expect.any(String) }])
    expect((await call('GET', '/api/tasks', { as: user })).json()).toEqual([])
  })

  test('names all that is wrong at once', async () => {
    const answer = await call('POST', '/api/tasks', {
      as: newUser(),
      body: { title: '', description: 5, completed: 'no' },
    })
    const pointers = answer.problem.errors?.map(({ pointer }) => pointer)
    expect(pointers?.sort()).toEqual(['/completed', '/description', '/title'])
  })
})
