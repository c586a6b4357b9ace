import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkFailure } from '#tests/failures/check'
import { newPerson } from '#tests/failures/requests'
import { failures, tableSettings } from '#tests/failures/table'
import { host, openWorld, type World } from '#tests/failures/world'
import { linesAbout } from '#tests/support/log-lines'
import { request, send } from '#tests/support/send'
import { newUser, tokenFor } from '#tests/support/tokens'

let world: World

beforeAll(async () => {
  world = await openWorld(tableSettings)
  await world.recovers()
})
afterEach(() => world.recovers())
afterAll(() => world?.close())

/** On Node everything; elsewhere one failure of each outcome, because the code behind is the same. */
const failuresHere = failures.filter(
  ({ outcome }, index) =>
    host === 'node' || failures.findIndex((each) => each.outcome === outcome) === index,
)

describe('the answer and the log are the same on every host', () => {
  test.each(failuresHere)('where $name', (failure) => checkFailure(world, failure))
})

test('without its settings there is no trace and no /metrics', async () => {
  expect((await fetch(`${world.url}/metrics`)).status).toBe(404)
  expect(world.service.output()).not.toContain('trace_id')
})

test('answers say how long they took in development, and nowhere else', async () => {
  const { headers } = await send(world.url, 'GET', '/api/tasks', newUser())
  const timing = headers.get('server-timing')
  if (host !== 'next dev') expect(timing).toBeNull()
  else expect(timing).toMatch(/^auth;dur=\d+\.\d\d, db;dur=\d+\.\d\d, total;dur=\d+\.\d\d$/)
})

// A build has the path that was set while it was built.
test.skipIf(host === 'vercel')('the collection is at TASKS_PATH too', async () => {
  const { id, taskId } = await newPerson(world)
  const ask = async (method: string, path: string) =>
    (await send(world.url, method, `/api/users/${path}`, id)).status
  expect(await ask('GET', `${id}/todos`)).toBe(200)
  expect(await ask('GET', `${newUser()}/todos`)).toBe(403)
  expect(await ask('PATCH', `${id}/todos/${taskId}/complete`)).toBe(200)
  expect(await ask('DELETE', `${id}/todos/${taskId}`)).toBe(204)
})

test('each request is one line of the log, without a token, a cookie or a body', async () => {
  const { id, taskId } = await newPerson(world)
  const token = await tokenFor(id)
  const logged = async (method: string, path: string, authorization = `Bearer ${token}`) => {
    const requestId = crypto.randomUUID()
    const headers = { authorization, cookie: 'session=cookie-words', 'x-request-id': requestId }
    const body = method === 'POST' ? { title: 'private words' } : undefined
    await request(world.url + path, method, { body, headers })
    const own = () => linesAbout(world.service, requestId)
    await expect.poll(() => own().map(({ event }) => event)).toContain('request')
    return own()
  }
  const line = { event: 'request', level: 'info', durationMs: expect.any(Number) }
  const created = { ...line, method: 'POST', route: '/api/tasks', status: 201, userId: id }
  expect(await logged('POST', '/api/tasks')).toMatchObject([created])
  const read = { ...line, method: 'GET', route: '/api/{userId}/tasks/{id}', status: 200 }
  expect(await logged('GET', `/api/${id}/tasks/${taskId}`)).toMatchObject([read])
  const refused = { event: 'refused', code: 'other_user', userId: id }
  const answered = { ...line, route: '/api/{userId}/tasks', status: 403 }
  expect(await logged('GET', '/api/somebody-else/tasks')).toMatchObject([refused, answered])
  await logged('GET', '/api/tasks', 'Bearer forged.words')
  for (const secret of [token, 'private words', 'cookie-words', 'forged.words']) {
    expect(world.service.output()).not.toContain(secret)
  }
})
