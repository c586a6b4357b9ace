import { expect, test } from 'vitest'
import { call, createTask } from '#tests/support/api'
import { newUser, tokenFor } from '#tests/support/tokens'

const missing = '/api/tasks/5f0c3f52-8d5f-4f0e-9d0e-6a1d8a6b2c11'

async function newTask(as: string) {
  const { id } = await createTask(as)
  const path = `/api/tasks/${id}`
  const read = await call('GET', path, { as })
  return { path, etag: etagOf(read) }
}

function etagOf({ headers }: { headers: Headers }): string {
  return headers.get('etag') ?? 'none'
}

test('every answer with a task carries its version as a strong tag that changes with each write', async () => {
  const as = newUser()
  const created = await call('POST', '/api/tasks', { as, body: { title: 'One' } })
  const path = `/api/tasks/${created.json().id}`
  const read = await call('GET', path, { as })
  const head = await call('HEAD', path, { as })
  const patched = await call('PATCH', path, { as, body: { title: 'Two' } })
  const put = await call('PUT', path, { as, body: { title: 'Three' } })
  const completed = await call('PATCH', `${path}/complete`, { as })

  expect(etagOf(created)).toMatch(/^"[\x21\x23-\x7e]+"$/)
  expect([etagOf(read), etagOf(head)]).toEqual([etagOf(created), etagOf(created)])
  const tags = [created, patched, put, completed].map(etagOf)
  expect(new Set(tags).size).toBe(4)
  for (const answer of [created, read, head, patched, put, completed]) {
    expect(answer.headers.get('cache-control')).toBe('private, no-cache')
  }
})

test('If-None-Match answers 304 without a body for the version that the reader has', async () => {
  const as = newUser()
  const { path, etag } = await newTask(as)
  for (const known of [
    etag,
    '*',
    `"other", ${etag}`,
    `W/${etag}`,
    `"a,b" ,, W/"x",${etag},`,
    `,,${etag}`,
  ]) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await call(method, path, { as, headers: { 'if-none-match': known } })
      expect([known, answer.status, answer.text]).toEqual([known, 304, ''])
      expect(etagOf(answer)).toBe(etag)
      expect(answer.headers.get('cache-control')).toBe('private, no-cache')
    }
  }
  for (const unknown of ['"other"', 'W/"1", "2"', '"99999999999999999999"', '""']) {
    const answer = await call('GET', path, { as, headers: { 'if-none-match': unknown } })
    expect([unknown, answer.status]).toEqual([unknown, 200])
  }
  await call('PATCH', path, { as, body: { completed: true } })
  const changed = await call('GET', path, { as, headers: { 'if-none-match': etag } })
  expect(changed.status).toBe(200)
  expect(changed.json().completed).toBe(true)
})

test('a tag depends on the task and not on the token', async () => {
  const as = newUser()
  const { path, etag } = await newTask(as)
  const list = etagOf(await call('GET', '/api/tasks', { as }))
  const authorization = `Bearer ${await tokenFor(as, { jti: 'another token' })}`
  for (const [target, tag] of [
    [path, etag],
    ['/api/tasks', list],
  ] as const) {
    const answer = await call('GET', target, { headers: { authorization, 'if-none-match': tag } })
    expect(answer.status).toBe(304)
  }
})

/** How proxies that compress spell the tag `"N"`: nginx and Cloudflare, Apache and Caddy, Jetty. */
const spellings = [
  ...['W/"N"', '"N-gzip"', '"N-br"', '"N-zstd"', '"N-deflate"', '"N;gzip"', '"N--gzip"'],
  ...['W/"N-gzip"', '"0", W/"N", "other"'],
]

const writes: [string, string, string, unknown][] = [
  ['PATCH', 'PATCH', '', { title: 'Mine' }],
  ['an empty PATCH', 'PATCH', '', {}],
  ['completion', 'PATCH', '/complete', undefined],
  ['DELETE', 'DELETE', '', undefined],
]

for (const [name, method, suffix, body] of writes) {
  test(`${name} with If-Match happens only to a version that it names`, async () => {
    const as = newUser()
    const { path, etag } = await newTask(as)
    const send = (headers: Record<string, string>) =>
      call(method, path + suffix, { as, headers, ...(body !== undefined && { body }) })

    for (const stale of ['"0"', '"other"', 'W/"0"', '"0-gzip"', `${etag.slice(0, -1)}-x"`]) {
      const refused = await send({ 'if-match': stale })
      expect([stale, refused.status]).toEqual([stale, 412])
      expect(refused.problem.code).toBe('precondition_failed')
    }
    for (const known of [etag, '*', `W/${etag}`]) {
      const refused = await send({ 'if-none-match': known })
      expect([known, refused.status]).toEqual([known, 412])
    }
    const untouched = await call('GET', path, { as, headers: { 'if-none-match': etag } })
    expect(untouched.status).toBe(304)

    const done = await send({ 'if-match': `"0", ${etag}`, 'if-none-match': '"0"' })
    expect(done.status).toBe(name === 'DELETE' ? 204 : 200)
  })

  test(`${name} with If-Match on a task that is not there is a 404`, async () => {
    const as = newUser()
    for (const condition of ['"1"', '*']) {
      const options = { as, headers: { 'if-match': condition } }
      const answer = await call(method, missing + suffix, {
        ...options,
        ...(body !== undefined && { body }),
      })
      expect(answer.status).toBe(404)
    }
  })
}

test.each(spellings)('a write with If-Match: %s of a proxy is about that version', async (by) => {
  const as = newUser()
  const { path, etag } = await newTask(as)
  const spelled = by.replace('N', etag.slice(1, -1))
  const send = (headers: Record<string, string>) =>
    call('PATCH', path, { as, headers, body: { title: 'Mine' } })
  expect((await send({ 'if-none-match': spelled })).status).toBe(412)
  expect((await send({ 'if-match': spelled })).status).toBe(200)
  // The version has gone up, so that the same header names it no more.
  expect((await send({ 'if-match': spelled })).status).toBe(412)
})

test('tags beyond every version name none, and those beside them that are versions count', async () => {
  const as = newUser()
  const { path, etag } = await newTask(as)
  const send = (headers: Record<string, string>) =>
    call('PATCH', path, { as, headers, body: { title: 'Mine' } })
  const beyond = ['2147483648', '4294967296', '9999999999', '9223372036854775808', '-1', '1e3']
  for (const tag of beyond) {
    expect([tag, (await send({ 'if-match': `"${tag}"` })).status]).toEqual([tag, 412])
  }
  const all = beyond.map((tag) => `"${tag}"`).join(', ')
  const done = await send({ 'if-match': `${all}, ${etag}`, 'if-none-match': all })
  expect(done.status).toBe(200)
})

test('a read with If-Match is refused when the task is in another version', async () => {
  const as = newUser()
  const { path, etag } = await newTask(as)
  const statuses = []
  for (const condition of [etag, '*', `W/${etag}`, '"0"', '"2147483648"', '"9999999999"']) {
    statuses.push((await call('GET', path, { as, headers: { 'if-match': condition } })).status)
  }
  expect(statuses).toEqual([200, 200, 200, 412, 412, 412])
})

test.each(spellings)('a list is known by %s, which a proxy made of its tag', async (by) => {
  const as = newUser()
  await createTask(as)
  const etag = etagOf(await call('GET', '/api/tasks', { as }))
  const spelled = by.replace('N', etag.slice(1, -1))
  const read = (headers: Record<string, string>) => call('GET', '/api/tasks', { as, headers })
  expect((await read({ 'if-match': spelled })).status).toBe(200)
  expect((await read({ 'if-none-match': spelled })).status).toBe(304)
  await createTask(as)
  expect((await read({ 'if-match': spelled })).status).toBe(412)
  expect((await read({ 'if-none-match': spelled })).status).toBe(200)
})

test("another user's task is a 404 whatever the condition says", async () => {
  const { path, etag } = await newTask(newUser())
  const as = newUser()
  for (const headers of [{ 'if-match': etag }, { 'if-match': '"0"' }, { 'if-none-match': etag }]) {
    expect((await call('GET', path, { as, headers })).status).toBe(404)
    expect((await call('DELETE', path, { as, headers })).status).toBe(404)
    expect((await call('PATCH', path, { as, headers, body: { title: 'x' } })).status).toBe(404)
  }
})

test('of 20 simultaneous updates of one version exactly one wins', async () => {
  const as = newUser()
  const { path, etag } = await newTask(as)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      call('PATCH', path, { as, headers: { 'if-match': etag }, body: { title: `Writer ${i}` } }),
    ),
  )
  const won = answers.filter(({ status }) => status === 200)
  expect(won).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 412)).toHaveLength(19)
  expect((await call('GET', path, { as })).json().title).toBe(won[0]?.json().title)
})

test('an empty patch changes neither the task nor its tag', async () => {
  const as = newUser()
  const { path, etag } = await newTask(as)
  const before = await call('GET', path, { as })
  for (const method of ['PUT', 'PATCH']) {
    const answer = await call(method, path, { as, body: { unknown: 1 } })
    expect([answer.status, etagOf(answer), answer.text]).toEqual([200, etag, before.text])
  }
})

test('a malformed list of tags is a 400', async () => {
  const as = newUser()
  const { path } = await newTask(as)
  for (const name of ['if-match', 'if-none-match']) {
    const list = await call('GET', '/api/tasks', { as, headers: { [name]: '"open' } })
    expect(list.problem.code).toBe('malformed_header')
    for (const value of [
      'abc',
      '',
      '"a" "b"',
      '"a", "b"c',
      '"open',
      '*, "a"',
      'w/"a"',
      'W/ "a"',
      ',',
    ]) {
      const answer = await call('GET', path, { as, headers: { [name]: value } })
      expect([value, answer.status]).toEqual([value, 400])
      expect(answer.problem.code).toBe('malformed_header')
    }
  }
})

test('a list has a tag of its content, and 304 for who has it', async () => {
  const as = newUser()
  const empty = await call('GET', '/api/tasks', { as })
  expect(empty.headers.get('cache-control')).toBe('private, no-cache')
  const first = await createTask(as, { title: 'First' })
  const one = await call('GET', '/api/tasks', { as })
  expect(etagOf(one)).not.toBe(etagOf(empty))

  for (const known of [etagOf(one), `W/${etagOf(one)}`, `"x", ${etagOf(one)}`, '*']) {
    for (const method of ['GET', 'HEAD']) {
      const same = await call(method, '/api/tasks', { as, headers: { 'if-none-match': known } })
      expect([known, same.status, same.text, etagOf(same)]).toEqual([known, 304, '', etagOf(one)])
    }
  }
  expect(
    (await call('GET', '/api/tasks', { as, headers: { 'if-match': etagOf(empty) } })).status,
  ).toBe(412)

  await call('PATCH', `/api/tasks/${first.id}`, { as, body: { completed: true } })
  const changed = await call('GET', '/api/tasks', {
    as,
    headers: { 'if-none-match': etagOf(one) },
  })
  expect(changed.status).toBe(200)
  const filtered = await call('GET', '/api/tasks?status=pending', { as })
  expect(filtered.text).toBe('[]')
  expect(etagOf(filtered)).toBe(etagOf(empty))
})
