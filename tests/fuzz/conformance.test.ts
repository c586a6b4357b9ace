import fc from 'fast-check'
import { expect, test } from 'vitest'
import { check, timeoutMs } from '#tests/fuzz/runs'
import { type Mistake, methodsOf, type Trial, targets, trials } from '#tests/fuzz/trials'
import { type CheckedAnswer, call, createTask } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const refusals: Record<Mistake, number> = {
  ...{ body: 422, query: 422, header: 400, syntax: 400 },
  ...{ credentials: 401, method: 405, user: 403, id: 404 },
}
const notJson = ['{', 'null,', '{"title":"\u0001"}', '\ufeff{', "{'a':1}", 'undefined', '[1,]']

async function run(trial: Trial, as: string): Promise<void> {
  const { method, template, query, headers, body, wrong } = trial
  const { id } = await createTask(as)
  const path = template
    .replace('{userId}', wrong === 'user' ? newUser() : as)
    .replace('{id}', wrong === 'id' ? crypto.randomUUID() : id)
    .replace('{file}', 'reference.js')
  const answer = await call(method, query === '' ? path : `${path}?${query}`, {
    headers: wrong === 'syntax' ? { 'content-type': 'application/json' } : headers,
    ...(wrong !== 'credentials' && { as }),
    ...(wrong === 'syntax' && { raw: notJson[Number.parseInt(id, 16) % notJson.length] ?? '{' }),
    ...(wrong !== 'syntax' && body !== undefined && { body }),
  })
  expect(answer.status, answer.text).toBeLessThan(500)
  if (wrong !== undefined) {
    checkRefusal(wrong, answer, template)
    return
  }
  const isConditional = 'If-Match' in headers || 'If-None-Match' in headers
  const allowed = isConditional ? [200, 204, 304, 412] : [200, 201, 204]
  expect(allowed, answer.text).toContain(answer.status)
  if (answer.status === 201) {
    const { pathname } = new URL(answer.headers.get('location') ?? '', `http://service${path}`)
    const read = await call('GET', pathname, { as })
    expect(read.text, 'what was created is there').toBe(answer.text)
  }
  if (answer.status === 204) {
    expect((await call('GET', path, { as })).status, 'what was deleted is gone').toBe(404)
  }
}

function checkRefusal(wrong: Mistake, answer: CheckedAnswer, template: string): void {
  expect(answer.status, answer.text).toBe(refusals[wrong])
  if (wrong !== 'method') return
  const described = methodsOf(template)
  const allowed = [...described, 'OPTIONS', ...(described.includes('GET') ? ['HEAD'] : [])]
  expect(new Set(answer.headers.get('allow')?.split(', '))).toEqual(new Set(allowed))
}

test(
  'every operation takes what the document allows, and refuses what it does not',
  async () => {
    expect(targets.length).toBeGreaterThan(25)
    await check(
      'conformance',
      fc.asyncProperty(trials, (trial) => run(trial, newUser())),
      100,
    )
  },
  timeoutMs,
)
