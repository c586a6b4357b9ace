import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkFailure } from '#tests/failures/check'
import { newPerson } from '#tests/failures/requests'
import { attemptsAt, examples, failureWith, isInDoubt } from '#tests/failures/sql-states'
import { failures, tableSettings } from '#tests/failures/table'
import { host, openWorld, type World } from '#tests/failures/world'
import { linesAbout } from '#tests/support/log-lines'
import { answersTo, mutatedRequest, randomFrom } from '#tests/support/mutated-request'
import { send } from '#tests/support/send'
import { newUser, tokenFor } from '#tests/support/tokens'

let world: World

beforeAll(async () => {
  world = await openWorld(tableSettings)
})
afterEach(() => world.recovers())
afterAll(() => world?.close())

/** On Node everything; elsewhere one failure of each outcome, because the code behind is the same. */
const isEverything = host === 'node'
const failuresHere = failures.filter(
  ({ outcome }, index) =>
    isEverything || failures.findIndex((each) => each.outcome === outcome) === index,
)
const statesHere = isEverything ? examples : []

describe('the answer and the log are the same on every host', () => {
  test.each(failuresHere)('where $name', (failure) => checkFailure(world, failure))

  test.each(statesHere)('where Postgres fails with $sqlState ($name)', async (state) => {
    const { sqlState, code, isRetried } = state
    await checkFailure(world, failureWith(sqlState, code))
    for (const write of ['create', 'complete', 'delete'] as const) {
      const sequence = attemptsAt(write)
      const [attempts] = await world.sql(`select last_value::int as count from ${sequence}`)
      const isRepeated = isRetried && (write === 'create' || !isInDoubt(sqlState))
      if (isRepeated) expect(attempts?.['count'], write).toBeGreaterThan(1)
      else expect(attempts?.['count'], write).toBe(1)
    }
  })

  test('and every SQLSTATE that docs/database.md names is among them', () => {
    expect(examples.length).toBeGreaterThanOrEqual(22)
  })
})

test('without its settings there is no trace and no /metrics', async () => {
  expect((await fetch(`${world.url}/metrics`)).status).toBe(404)
  expect(world.service.output()).not.toContain('trace_id')
})

test('answers say how long they took in development, and nowhere else', async () => {
  const headers = { authorization: `Bearer ${await tokenFor(newUser())}` }
  const response = await fetch(`${world.url}/api/tasks`, { headers })
  const timing = response.headers.get('server-timing')
  if (host !== 'next dev') expect(timing).toBeNull()
  else expect(timing).toMatch(/^auth;dur=\d+\.\d\d, db;dur=\d+\.\d\d, total;dur=\d+\.\d\d$/)
})

// A build has the path that was set while it was built.
test.skipIf(host === 'vercel')('the collection is at TASKS_PATH too', async () => {
  const { id: user } = await newPerson(world)
  const ask = (method: string, path: string, body?: object) =>
    send(world.url, method, `/api/users/${path}`, user, body)
  const created = await ask('POST', `${user}/todos`, { title: 'Buy milk' })
  const { id } = created.json()
  const seen = [
    created.status,
    (await ask('GET', `${user}/todos/${id}`)).status,
    (await ask('PATCH', `${user}/todos/${id}/complete`)).status,
    (await ask('GET', `${newUser()}/todos`)).status,
    (await ask('DELETE', `${user}/todos/${id}`)).status,
    (await ask('GET', `${user}/todos/${id}`)).status,
  ]
  expect(seen).toEqual([201, 200, 200, 403, 204, 404])
})

test('each request is one line of the log, without a token, a cookie or a body', async () => {
  const { id, taskId } = await newPerson(world)
  const token = await tokenFor(id)
  const asked = async (path: string, init: RequestInit = {}, authorization = `Bearer ${token}`) => {
    const requestId = crypto.randomUUID()
    const headers = {
      authorization,
      cookie: 'session=cookie-words',
      'content-type': 'application/json',
      'x-request-id': requestId,
    }
    await (await fetch(world.url + path, { ...init, headers })).text()
    const own = () => linesAbout(world.service, requestId)
    await expect.poll(() => own().map(({ event }) => event)).toContain('request')
    return own()
  }
  const ofRequest = { event: 'request', level: 'info', durationMs: expect.any(Number) }
  const body = JSON.stringify({ title: 'private words' })
  expect(await asked('/api/tasks', { method: 'POST', body })).toEqual([
    expect.objectContaining({
      ...ofRequest,
      ...{ method: 'POST', route: '/api/tasks', status: 201, userId: id },
    }),
  ])
  expect(await asked(`/api/${id}/tasks/${taskId}`)).toEqual([
    expect.objectContaining({ ...ofRequest, route: '/api/{userId}/tasks/{id}', status: 200 }),
  ])
  expect(await asked('/api/somebody-else/tasks')).toEqual([
    expect.objectContaining({ event: 'refused', code: 'other_user', userId: id }),
    expect.objectContaining({ ...ofRequest, route: '/api/{userId}/tasks', status: 403 }),
  ])
  expect(await asked('/api/tasks', {}, 'Bearer forged.words')).toEqual([
    expect.objectContaining({ event: 'refused', code: 'token_invalid' }),
    expect.objectContaining({ ...ofRequest, route: '/api/tasks', status: 401 }),
  ])
  for (const secret of [token, 'private words', 'cookie-words', 'forged.words']) {
    expect(world.service.output()).not.toContain(secret)
  }
})

// `tests/door/mutated-requests.test.ts` sends hundreds to plain Node, which also answers what Next cannot.
test.runIf(host === 'next dev')(
  'no mutated request ends the host, or goes without an answer',
  async () => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    const random = randomFrom(seed)
    const authorization = `Bearer ${await tokenFor(newUser())}`
    for (let sent = 0; sent < 30; sent += 1) {
      const request = mutatedRequest(random, authorization)
      const answer = await answersTo(world.url, request)
      const said = `seed ${seed}: ${JSON.stringify(request.bytes.toString('latin1'))}\n${answer}`
      // Next listens to no CONNECT, so Node closes its connection.
      const needsAnswer =
        request.isWhole && !request.bytes.toString('latin1').startsWith('CONNECT ')
      expect(answer === '' && needsAnswer, said).toBe(false)
      expect(world.service.process.exitCode, said).toBeNull()
    }
    expect((await fetch(`${world.url}/health`)).status).toBe(200)
  },
)
