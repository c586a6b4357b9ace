import { expect, test } from 'vitest'
import { call, listTasks, type Task } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

function create(as: string, key: string, body: unknown = { title: 'Buy milk' }) {
  return call('POST', '/api/tasks', { as, body, headers: { 'idempotency-key': key } })
}

test('the same key from the same user names the same task', async () => {
  const as = newUser()
  const created = await create(as, 'order-1')
  const replayed = await create(as, 'order-1')

  expect(created.status).toBe(201)
  expect(created.headers.get('idempotency-replayed')).toBeNull()
  expect(replayed.status).toBe(200)
  expect(replayed.headers.get('idempotency-replayed')).toBe('true')
  expect(replayed.text).toBe(created.text)
  for (const name of ['location', 'etag']) {
    expect(replayed.headers.get(name)).toBe(created.headers.get(name))
  }
  expect(await listTasks(as)).toHaveLength(1)
})

test('of 50 simultaneous creates with one key one creates and 49 replay', async () => {
  const as = newUser()
  const answers = await Promise.all(Array.from({ length: 50 }, () => create(as, 'storm')))
  const statuses = answers.map(({ status }) => status).sort()
  expect(statuses).toEqual([...Array(49).fill(200), 201])
  expect(new Set(answers.map((answer) => answer.text)).size).toBe(1)
  expect(await listTasks(as)).toHaveLength(1)
})

test('the key with another payload is a 422 and stores nothing', async () => {
  const as = newUser()
  await create(as, 'k', { title: 'One' })
  for (const other of [{ title: 'Two' }, { description: '' }, { completed: true }]) {
    const { problem } = await create(as, 'k', { title: 'One', ...other })
    const errors = [{ header: 'Idempotency-Key', code: 'reused' }]
    expect(problem).toMatchObject({ status: 422, code: 'idempotency_key_reused', errors })
  }
  expect((await listTasks(as)).map(({ title }) => title)).toEqual(['One'])
})

test('a payload is compared by what it stores, not by its bytes', async () => {
  const as = newUser()
  await create(as, 'k', { title: 'One' })
  const same = [
    { title: ' One ', description: null },
    { is_completed: false, title: 'One', extra: 1 },
  ]
  for (const body of same) expect((await create(as, 'k', body)).status).toBe(200)
})

test("another user's same key is theirs", async () => {
  const [mine, theirs] = [newUser(), newUser()]
  const first = await create(mine, 'shared', { title: 'Mine' })
  const second = await create(theirs, 'shared', { title: 'Theirs' })
  expect([first.status, second.status]).toEqual([201, 201])
  expect(second.json().id).not.toBe(first.json().id)
  expect((await listTasks(theirs)).map(({ title }) => title)).toEqual(['Theirs'])
})

test('a quoted key and the same key bare are one', async () => {
  const as = newUser()
  for (const [bare, quoted] of [
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['~', '"~"'],
  ] as const) {
    expect((await create(as, bare)).status).toBe(201)
    expect((await create(as, quoted)).status).toBe(200)
  }
  expect(await listTasks(as)).toHaveLength(3)
})

test('a key has 1 to 255 visible characters', async () => {
  const as = newUser()
  for (const key of ['x'.repeat(255), `"${'y'.repeat(255)}"`]) {
    expect((await create(as, key)).status).toBe(201)
  }
  const bad = ['', '""', 'x'.repeat(256), 'a b', '"a', '"a"b"', '"a\\b"', 'caf\u00e9', 'a,b c']
  for (const key of bad) {
    const { problem } = await create(as, key)
    expect([key, problem.status, problem.code]).toEqual([key, 400, 'malformed_header'])
  }
  expect(await listTasks(as)).toHaveLength(2)
})

test('a task that is created again after its deletion has tags of its own', async () => {
  const as = newUser()
  const first = await create(as, 'again')
  const path = `/api/tasks/${first.json<Task>().id}`
  await call('DELETE', path, { as })
  const second = await create(as, 'again')
  expect(second.status).toBe(201)
  expect(second.json().id).toBe(first.json().id)

  const etag = first.headers.get('etag') ?? ''
  expect((await call('GET', path, { as, headers: { 'if-none-match': etag } })).status).toBe(200)
  expect((await call('DELETE', path, { as, headers: { 'if-match': etag } })).status).toBe(412)
})
