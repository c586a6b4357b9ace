import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { call, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const user = newUser()
const json = { 'content-type': 'application/json' }
const task = '{"title":"x"}'
/** Sent without a Content-Length. */
const streamOf = (text: string) => new Blob([text]).stream()

afterEach(async () => {
  expect(await listTasks(user), 'nothing is stored').toEqual([])
})

const create = (raw: BodyInit, headers: Record<string, string> = json) =>
  call('POST', '/api/tasks', { as: user, raw, headers })

test.each([
  ['that is cut off', '{"title":'],
  ['that is empty', ''],
  ['of bad UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22])],
  ['nested without an end', '['.repeat(60_000)],
  ['with a NUL byte', '{"title":"a\0b"}'],
])('a body %s is 400', async (_, raw) => {
  expect((await create(raw)).problem).toMatchObject({ status: 400, code: 'malformed_json' })
})

test.each([
  ['nested 20,000 deep', `{"title":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
  ['with a prototype for a title', '{"__proto__":{"title":"x"}}'],
])('a body %s is 422', async (_, raw) => {
  expect((await create(raw)).status).toBe(422)
})

test.each([
  // A browser sends what begins with one of the first three without a preflight.
  ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'],
  ...['text/plain; application/json', 'text/plain;charset=application/json'],
  ...['text/plain, application/json', 'multipart/form-data; boundary=application/json'],
  ...['text/json', 'application/jsonp', 'application/json-seq', 'xapplication/json'],
])('a body declared as %s is 415', async (type) => {
  const { problem } = await create(task, { 'content-type': type })
  expect(problem).toMatchObject({ status: 415, code: 'unsupported_media_type' })
})

test.each([
  ['gzip', gzipSync(task)],
  ['BR', brotliCompressSync(task)],
  ['gzip, identity', task],
  ['deflate', '{'],
])('a body with Content-Encoding: %s is a 415 that says so', async (coding, raw) => {
  const { problem } = await create(raw, { ...json, 'content-encoding': coding })
  expect(problem).toMatchObject({ status: 415, detail: expect.stringContaining('-Encoding') })
})

test.each([
  ['just over 64 KiB', task.padEnd(64 * 1024 + 1)],
  ['of 12 MB', task.padEnd(12_000_000)],
  ['of 1 MiB without a declared length', streamOf(' '.repeat(2 ** 20))],
])('a body %s is 413', async (_, raw) => {
  expect((await create(raw)).problem).toMatchObject({ status: 413, code: 'body_too_large' })
})

test.each([
  ['of exactly 64 KiB', task.padEnd(64 * 1024), json],
  ['without a content type', new TextEncoder().encode(task), {}],
  ['of another charset', task, { 'content-type': 'application/json; charset=utf-8' }],
  ['of a type in capitals', task, { 'content-type': 'APPLICATION/JSON' }],
  ['that is a merge patch', task, { 'content-type': 'application/merge-patch+json' }],
  ['declared as plain', task, { ...json, 'content-encoding': 'Identity' }],
  ['without a declared length', streamOf(task), json],
])('a body %s is unusual but right', async (_, raw, headers) => {
  const answer = await create(raw, headers)
  expect(answer.status, answer.text).toBe(201)
  const { id, title } = answer.json()
  expect(title).toBe('x')
  await call('DELETE', `/api/tasks/${id}`, { as: user })
})

const parameters = (count: number) => Array.from({ length: count }, (_, index) => `p${index}=1`)

test('a query of 1,000 parameters is read to its end', async () => {
  const query = [...parameters(999), 'limit=0'].join('&')
  const { problem } = await call('GET', `/api/tasks?${query}`, { as: user })
  expect(problem).toMatchObject({ status: 422, errors: [{ parameter: 'limit' }] })
})

test.each([
  ['different parameters', parameters(1001)],
  ['one parameter again and again', Array<string>(1001).fill('limit=1')],
  ['what fills its line, with a bad value at its end', [...Array(3000).fill('p=1'), 'limit=0']],
])('a query of more than 1,000 is a 422 that says so: of %s', async (_, query) => {
  const { problem } = await call('GET', `/api/tasks?${query.join('&')}`, { as: user })
  expect(problem).toMatchObject({ status: 422, errors: [{ parameter: '', code: 'too_many' }] })
})

test('a query of nothing but separators has no parameters', async () => {
  expect(await listTasks(user, `?${'&'.repeat(5000)}`)).toEqual([])
})
