import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { call, createTask, listTasks } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const user = newUser()
const json = { 'content-type': 'application/json' }

afterEach(async () => {
  expect(await listTasks(user), 'nothing is stored').toEqual([])
})

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
    const answer = await call('POST', '/api/tasks', { as: user, raw, headers: json })
    expect(answer.status).toBe(400)
    expect(answer.problem.code).toBe('malformed_json')
  })

  test.each([
    ['nested 20,000 deep', `{"title":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
    ['with a prototype for a title', '{"__proto__":{"title":"x"}}'],
    ['with a constructor', '{"constructor":{"prototype":{"title":"x"}}}'],
    ['with a title twice, the last one bad', '{"title":"x","title":7}'],
  ])('%s is 422', async (_, raw) => {
    const answer = await call('POST', '/api/tasks', { as: user, raw, headers: json })
    expect(answer.status).toBe(422)
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
    const answer = await call('POST', '/api/tasks', {
      as: user,
      raw: '{"title":"x"}',
      headers: { 'content-type': type },
    })
    expect(answer.status).toBe(415)
    expect(answer.problem.code).toBe('unsupported_media_type')
  })

  test.each([
    ['gzip', gzipSync('{"title":"x"}')],
    ['BR', brotliCompressSync('{"title":"x"}')],
    ['gzip, identity', '{"title":"x"}'],
    ['deflate', '{'],
  ])('with Content-Encoding: %s is a 415 that says so', async (coding, raw) => {
    const headers = { ...json, 'content-encoding': coding }
    const answer = await call('POST', '/api/tasks', { as: user, raw, headers })
    expect(answer.status).toBe(415)
    expect(answer.problem.detail).toContain('Content-Encoding')
  })

  test.each([
    ['just over 64 KiB', 64 * 1024 + 1],
    ['of 12 MB', 12_000_000],
  ])('%s is 413', async (_, bytes) => {
    const raw = JSON.stringify({ title: 'x', padding: '' }).padEnd(bytes, ' ')
    const answer = await call('POST', '/api/tasks', { as: user, raw, headers: json })
    expect(answer.status).toBe(413)
    expect(answer.problem.code).toBe('body_too_large')
  })

  test('of 1 MB without a declared length is 413, measured as it is read', async () => {
    const chunks = Array.from({ length: 16 }, () => new Uint8Array(64 * 1024).fill(0x20))
    const raw = streamOf(...chunks)
    const answer = await call('POST', '/api/tasks', { as: user, raw, headers: json })
    expect(answer.status).toBe(413)
  })
})

describe('what is unusual but right', () => {
  const createAndDelete = async (raw: BodyInit, headers: Record<string, string>) => {
    const answer = await call('POST', '/api/tasks', { as: user, raw, headers })
    expect(answer.status, answer.text).toBe(201)
    const task = answer.json()
    await call('DELETE', `/api/tasks/${task.id}`, { as: user })
    return task
  }

  test('a body of exactly 64 KiB is read', async () => {
    const raw = '{"title":"x"}'.padEnd(64 * 1024, ' ')
    expect((await createAndDelete(raw, json)).title).toBe('x')
  })

  test('a body without a content type counts as JSON', async () => {
    const raw = new TextEncoder().encode('{"title":"x"}')
    expect((await createAndDelete(raw, {})).title).toBe('x')
  })

  test.each([
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'application/merge-patch+json',
  ])('%s is JSON', async (type) => {
    await createAndDelete('{"title":"x"}', { 'content-type': type })
  })

  test('a body that is declared as not encoded is read', async () => {
    await createAndDelete('{"title":"x"}', { ...json, 'content-encoding': 'Identity' })
  })

  test('a body without a declared length is read', async () => {
    const raw = streamOf(new TextEncoder().encode('{"title":"streamed"}'))
    expect((await createAndDelete(raw, json)).title).toBe('streamed')
  })

  test('of a field given twice the last one counts', async () => {
    expect((await createAndDelete('{"title":"a","title":"b"}', json)).title).toBe('b')
  })
})

describe('a request with much in it', () => {
  test('of unknown fields and parameters does what the known ones say', async () => {
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
