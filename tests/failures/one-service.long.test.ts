/**
 * What `instrumentation.ts` and the routes each have a copy of on Next behaves as one (ADR 0041).
 * The channels of traces are in `traces.long.test.ts`.
 */
import { afterAll, expect, test } from 'vitest'
import { ask, newPerson } from '#tests/failures/requests'
import { openWorld } from '#tests/failures/world'
import { logLines } from '#tests/support/log-lines'

const world = await openWorld({ SESSION_TOKENS: 'true', LOG_LEVEL: 'warn' })
afterAll(world.close)

test('the database that was opened at the start is the one that every route uses', async () => {
  const person = await newPerson(world)
  for (const name of ['list', 'read', 'create', 'change', 'complete'] as const) {
    expect((await ask(world, name, person)).status).toBeLessThan(300)
  }
  // One after the other, they need the connection that the start left in the pool. A pool of the
  // routes would add its own.
  const connections = `select from pg_stat_activity where usename = '${world.login}'`
  expect(await world.sql(connections)).toHaveLength(1)
})

test('a key set that one route has fetched serves the others', async () => {
  world.issuer.state.keys = [world.key.jwk]
  const { id, taskId } = await newPerson(world)
  for (const path of ['/api/tasks', `/api/tasks/${taskId}`, `/api/${id}`, `/api/${id}/tasks/`]) {
    const headers = { authorization: `Bearer ${await world.key.sign(id)}` }
    expect((await fetch(world.url + path, { headers })).status).toBe(200)
  }
  expect(world.issuer.requests).toHaveLength(1)
})

test('a session that one route has looked up serves the others', async () => {
  const person = await newPerson(world)
  expect((await ask(world, 'list with a session token', person)).status).toBe(200)
  const before = world.proxy.exchanges
  expect((await ask(world, 'read with a session token', person)).status).toBe(200)
  expect(world.proxy.exchanges - before, 'the task alone is asked for').toBe(1)
})

test('one setting of the log holds for the start, the pool and the routes, and no line is torn', async () => {
  const person = await newPerson(world)
  await world.endSessions()
  await expect.poll(() => events()).toContain('warn idle_connection_lost')
  const refused = () => ask(world, 'list with a forged token', person)
  await Promise.all(Array.from({ length: 50 }, refused))
  world.proxy.mode = 'refuse'
  world.proxy.reset()
  await ask(world, 'list', person)
  world.proxy.mode = 'pass'
  await expect.poll(() => events()).toContain('error fault')
  expect(events().filter((event) => event === 'warn refused')).toHaveLength(50)
  expect(new Set(events())).toEqual(
    new Set(['warn idle_connection_lost', 'warn refused', 'error fault']),
  )
})

const events = () => logLines(world.service.output()).map(({ event, level }) => `${level} ${event}`)
