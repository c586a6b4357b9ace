import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const user = newUser()
const json = { 'content-type': 'application/json' }

afterEach(async () => {
  expect(await listTasks(user), 'nothing is stored').toEqual([])
})

const create = (raw: BodyInit, headers: Record<string, string> = json) =>
  call('POST', '/api/tasks', { as: user, raw, headers })

describe('a body', () => {
  test.each([
    ['cut off', '{"title":'],
    ['of words', 'title=x'],
    ['with a trailing comma', '{"title":"x",}'],
    ['that is empty', ''],
    ['of white space', ' \n'],
    ['with single quotes', "{'title':'x'}"],
    ['of bad UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22])],
    ['nested without an end', '['.repeat(60_000)],
    ['with a NUL byte', '{"title":"a\0b"}'],
  ])('%s is 400', async (_, raw) => {
    expect((await create(raw)).problem).toMatchObject({ status: 400, code: 'malformed_json' })
  })

  test.each([
    ['nested 20,000 deep', `{"title":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
    ['with a prototype for a title', '{"__proto__":{"title":"x"}}'],
    ['with a constructor', '{"constructor":{"prototype":{"title":"x"}}}'],
    ['with a title twice, the last one bad', '{"title":"x","title":7}'],
  ])('%s is 422', async (_, raw) => {
    expect((await create(raw)).status).toBe(422)
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'text/json',
    // A browser sends these without a preflight, whatever follows the first word.
    'text/plain; application/json',
    'text/plain;charset=application/json',
    'text/plain, application/json',
    'application/x-www-form-urlencoded; application/json',
    'multipart/form-data; boundary=application/json',
    'application/jsonp',
    'application/json-seq',
    'xapplication/json',
  ])('declared as %s is 415', async (type) => {
    const { problem } = await create('{"title":"x"}', { 'content-type': type })
    expect(problem).toMatchObject({ status: 415, code: 'unsupported_media_type' })
  })

  test.each([
    ['gzip', gzipSync('{"title":"x"}')],
    ['BR', brotliCompressSync('{"title":"x"}')],
    ['gzip, identity', '{"title":"x"}'],
    ['deflate', '{'],
  ])('with Content-Encoding: %s is a 415 that says so', async (coding, raw) => {
    const { problem } = await create(raw, { ...json, 'content-encoding': coding })
    expect(problem).toMatchObject({ status: 415, detail: expect.stringContaining('-Encoding') })
  })

  test.each([
    ['just over 64 KiB', '{"title":"x"}'.padEnd(64 * 1024 + 1)],
    ['of 12 MB', '{"title":"x"}'.padEnd(12_000_000)],
    ['of 1 MB without a declared length', streamOf(...Array(16).fill(Buffer.alloc(2 ** 16, ' ')))],
  ])('%s is 413', async (_, raw) => {
    expect((await create(raw)).problem).toMatchObject({ status: 413, code: 'body_too_large' })
  })
})

describe('what is unusual but right', () => {
  const utf8 = (text: string) => new TextEncoder().encode(text)
  test.each([
    ['a body of exactly 64 KiB', '{"title":"x"}'.padEnd(64 * 1024), json],
    ['a body without a content type', utf8('{"title":"x"}'), {}],
    ['another charset', '{"title":"x"}', { 'content-type': 'application/json; charset=utf-8' }],
    ['a type in capitals', '{"title":"x"}', { 'content-type': 'APPLICATION/JSON' }],
    ['a merge patch', '{"title":"x"}', { 'content-type': 'application/merge-patch+json' }],
    ['a body declared as plain', '{"title":"x"}', { ...json, 'content-encoding': 'Identity' }],
    ['a body without a declared length', streamOf(utf8('{"title":"x"}')), json],
    ['a field given twice, of which the last counts', '{"title":"a","title":"x"}', json],
  ])('is read: %s', async (_, raw, headers) => {
    const answer = await create(raw, headers)
    expect(answer.status, answer.text).toBe(201)
    const { id, title } = answer.json()
    expect(title).toBe('x')
    await call('DELETE', `/api/tasks/${id}`, { as: user })
  })

  test('unknown fields and parameters change nothing', async () => {
    const other = newUser()
    const body = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`f${index}`, index]))
    const task = await createTask(other, { title: 'x', ...body })
    const query = Array.from({ length: 100 }, (_, index) => `p${index}=1`).join('&')
    expect(await listTasks(other, `?${query}`)).toEqual([task])
  })
})

describe('a query', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}=1`)

  test('of 1,000 parameters is read to its end', async () => {
    const answer = await call('GET', `/api/tasks?${[...many(999), 'limit=0'].join('&')}`, {
      as: user,
    })
    expect(answer.status).toBe(422)
    expect(answer.problem.errors).toMatchObject([{ parameter: 'limit' }])
  })

  test('of nothing but separators has no parameters', async () => {
    expect(await listTasks(user, `?${'&'.repeat(5000)}`)).toEqual([])
  })

  test.each([
    ['of different parameters', many(1001)],
    ['of one parameter again and again', Array.from({ length: 1001 }, () => 'limit=1')],
    [
      'that fills its line, with a bad value at its end',
      [...many(3000).map((p) => p.slice(0, 3)), 'limit=0'],
    ],
  ])('%s of more than 1,000 is a 422 that says so', async (_, parameters) => {
    const answer = await call('GET', `/api/tasks?${parameters.join('&')}`, { as: user })
    expect(answer.status).toBe(422)
    expect(answer.problem.errors).toMatchObject([{ parameter: '', code: 'too_many' }])
  })
})

function streamOf(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}
