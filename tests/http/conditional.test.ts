import { describe, expect, test } from 'vitest'
import { call, createTask } from '#tests/support/api'
import { newUser, tokenFor } from '#tests/support/tokens'

const list = '/api/tasks'

type Conditions = Record<string, string>

const read = (as: string, path: string, headers: Conditions = {}, method = 'GET') =>
  call(method, path, { as, headers })
const rename = (as: string, path: string, headers: Conditions) =>
  call('PATCH', path, { as, headers, body: { title: 'Mine' } })

async function newTask() {
  const as = newUser()
  const created = await call('POST', list, { as, body: { title: 'Buy milk' } })
  return { as, path: `${list}/${created.json().id}`, etag: etagOf(created) }
}

function etagOf({ headers }: { headers: Headers }): string {
  return headers.get('etag') ?? 'none'
}

test('each write gives a task another strong tag, which every read repeats', async () => {
  const { as, path, etag } = await newTask()
  const tags = [etag]
  for (const write of ['PATCH ', 'PUT ', 'PATCH /complete']) {
    const [method = '', suffix = ''] = write.split(' ')
    const written = await call(method, path + suffix, { as, body: { completed: true } })
    tags.push(etagOf(written))
    expect(written.headers.get('cache-control')).toBe('private, no-cache')
    for (const reading of ['GET', 'HEAD']) {
      const seen = await read(as, path, {}, reading)
      expect(etagOf(seen)).toBe(tags.at(-1))
      expect(seen.headers.get('cache-control')).toBe('private, no-cache')
    }
  }
  expect(new Set(tags).size).toBe(4)
  expect(tags.filter((tag) => !/^"[\x21\x23-\x7e]+"$/.test(tag))).toEqual([])
})

test('If-None-Match answers 304 without a body for the version that the reader has', async () => {
  const { as, path, etag } = await newTask()
  const lists = [`"other", ${etag}`, `"a,b" ,, W/"x",${etag},`, `,,${etag}`]
  for (const known of [etag, '*', `W/${etag}`, ...lists]) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await read(as, path, { 'if-none-match': known }, method)
      expect([known, answer.status, answer.text]).toEqual([known, 304, ''])
      expect(etagOf(answer)).toBe(etag)
      expect(answer.headers.get('cache-control')).toBe('private, no-cache')
    }
  }
  for (const unknown of ['"other"', 'W/"1", "2"', '"99999999999999999999"', '""']) {
    const answer = await read(as, path, { 'if-none-match': unknown })
    expect([unknown, answer.status]).toEqual([unknown, 200])
  }
  await call('PATCH', path, { as, body: { completed: true } })
  const changed = await read(as, path, { 'if-none-match': etag })
  expect(changed.json()).toMatchObject({ completed: true })
})

test.each([
  ['PATCH', 'PATCH', '', { body: { title: 'Mine' } }],
  ['an empty PATCH', 'PATCH', '', { body: {} }],
  ['completion', 'PATCH', '/complete', {}],
  ['DELETE', 'DELETE', '', {}],
])('%s with If-Match happens only to a version that it names', async (_, method, suffix, body) => {
  const { as, path, etag } = await newTask()
  const send = (headers: Conditions, to = path) =>
    call(method, to + suffix, { as, headers, ...body })

  for (const stale of ['"0"', '"other"', 'W/"0"', '"0-gzip"', `${etag.slice(0, -1)}-x"`]) {
    const { problem } = await send({ 'if-match': stale })
    expect([stale, problem.status, problem.code]).toEqual([stale, 412, 'precondition_failed'])
  }
  for (const known of [etag, '*', `W/${etag}`]) {
    const refused = await send({ 'if-none-match': known })
    expect([known, refused.status]).toEqual([known, 412])
  }
  expect((await read(as, path, { 'if-none-match': etag })).status, 'untouched').toBe(304)
  for (const condition of ['"1"', '*']) {
    const missing = `${list}/${crypto.randomUUID()}`
    expect((await send({ 'if-match': condition }, missing)).status).toBe(404)
  }
  const done = await send({ 'if-match': `"0", ${etag}`, 'if-none-match': '"0"' })
  expect(done.status).toBe(method === 'DELETE' ? 204 : 200)
})

// As proxies that compress spell the tag `"N"`: nginx and Cloudflare, Apache and Caddy, Jetty.
describe.each([
  ...['W/"N"', '"N-gzip"', '"N-br"', '"N-zstd"', '"N-deflate"', '"N;gzip"', '"N--gzip"'],
  ...['W/"N-gzip"', '"0", W/"N", "other"'],
])('a tag that a proxy has made %s', (by) => {
  test('of a task still names its version', async () => {
    const { as, path, etag } = await newTask()
    const spelled = by.replace('N', etag.slice(1, -1))
    expect((await rename(as, path, { 'if-none-match': spelled })).status).toBe(412)
    expect((await rename(as, path, { 'if-match': spelled })).status).toBe(200)
    expect((await rename(as, path, { 'if-match': spelled })).status, 'the next one').toBe(412)
  })

  test('of a list still names its content', async () => {
    const { as } = await newTask()
    const spelled = by.replace('N', etagOf(await read(as, list)).slice(1, -1))
    expect((await read(as, list, { 'if-match': spelled })).status).toBe(200)
    expect((await read(as, list, { 'if-none-match': spelled })).status).toBe(304)
    await createTask(as)
    expect((await read(as, list, { 'if-match': spelled })).status).toBe(412)
    expect((await read(as, list, { 'if-none-match': spelled })).status).toBe(200)
  })
})

test('tags beyond every version name none, and those beside them that are versions count', async () => {
  const { as, path, etag } = await newTask()
  const beyond = ['2147483648', '4294967296', '9999999999', '9223372036854775808', '-1', '1e3']
  const tags = beyond.map((number) => `"${number}"`)
  for (const tag of tags) {
    expect([tag, (await read(as, path, { 'if-match': tag })).status]).toEqual([tag, 412])
    expect([tag, (await rename(as, path, { 'if-match': tag })).status]).toEqual([tag, 412])
  }
  const all = tags.join(', ')
  const both = { 'if-match': `${all}, ${etag}`, 'if-none-match': all }
  expect((await read(as, path, both)).status).toBe(200)
  expect((await rename(as, path, both)).status).toBe(200)
})

test('of 20 simultaneous updates of one version exactly one wins', async () => {
  const { as, path, etag } = await newTask()
  const update = (title: string) =>
    call('PATCH', path, { as, headers: { 'if-match': etag }, body: { title } })
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => update(`Writer ${i}`)))
  const won = answers.filter(({ status }) => status === 200)
  expect(won).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 412)).toHaveLength(19)
  expect((await read(as, path)).json().title).toBe(won[0]?.json().title)
})

test('an empty patch changes neither the task nor its tag', async () => {
  const { as, path, etag } = await newTask()
  const before = await read(as, path)
  for (const method of ['PUT', 'PATCH']) {
    const answer = await call(method, path, { as, body: { priority: 1, user_id: 'somebody' } })
    expect([answer.status, etagOf(answer), answer.text]).toEqual([200, etag, before.text])
  }
})

test('a malformed list of tags is a 400', async () => {
  const { as, path } = await newTask()
  const malformed = ['abc', '', '"a" "b"', '"a", "b"c', '"open', '*, "a"', 'w/"a"', 'W/ "a"', ',']
  for (const name of ['if-match', 'if-none-match']) {
    expect((await read(as, list, { [name]: '"open' })).problem.code).toBe('malformed_header')
    for (const value of malformed) {
      const { problem } = await read(as, path, { [name]: value })
      expect([value, problem.status, problem.code]).toEqual([value, 400, 'malformed_header'])
    }
  }
})

test('a list has a tag of its content, whatever the token, and 304 for who has it', async () => {
  const as = newUser()
  const empty = await read(as, list)
  expect(empty.headers.get('cache-control')).toBe('private, no-cache')
  const { id } = await createTask(as)
  const one = await read(as, list)
  expect(etagOf(one)).not.toBe(etagOf(empty))
  const authorization = `Bearer ${await tokenFor(as, { jti: 'another token' })}`
  for (const known of [etagOf(one), '*']) {
    for (const method of ['GET', 'HEAD']) {
      const headers = { authorization, 'if-none-match': known }
      const same = await call(method, list, { headers })
      expect([known, same.status, same.text, etagOf(same)]).toEqual([known, 304, '', etagOf(one)])
    }
  }
  await call('PATCH', `${list}/${id}`, { as, body: { completed: true } })
  expect((await read(as, list, { 'if-none-match': etagOf(one) })).status).toBe(200)
  const filtered = await read(as, `${list}?status=pending`)
  expect([filtered.text, etagOf(filtered)]).toEqual(['[]', etagOf(empty)])
})
