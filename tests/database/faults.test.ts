import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { expectUnavailable, serveBehindProxy } from '#tests/support/service-behind-proxy'
import { newUser } from '#tests/support/tokens'

const { running, create, list, flip, stored } = serveBehindProxy()

test('a database that refuses is a 503 within the deadline, for reads and writes', async () => {
  const id = await create()
  running.proxy.mode = 'refuse'
  running.proxy.reset()
  const answers = await Promise.all([list(), flip(id), list()])
  answers.forEach(expectUnavailable)
  expect(await stored(id)).toMatchObject([{ version: 1 }])
})

test('a database that stalls is a 503 within the deadline, for reads and writes', async () => {
  const id = await create()
  running.proxy.mode = 'stall'
  const others = Array.from({ length: 6 }, () => list(newUser()))
  const answers = await Promise.all([list(), flip(id), list(), ...others])
  answers.forEach(expectUnavailable)
  running.proxy.reset()
})

test('a refusal that passes is not noticed: reads and writes wait for it', async () => {
  const id = await create()
  running.proxy.mode = 'refuse'
  running.proxy.reset()
  const answers = Promise.all([list(), flip(id)])
  await sleep(60)
  running.proxy.mode = 'pass'
  expect((await answers).map(({ status }) => status)).toEqual([200, 200])
  expect(await stored(id)).toMatchObject([{ completed: true, version: 2 }])
})

test('idle connections that are reset cost no request, and do not end the process', async () => {
  await Promise.all([list(), list(), list(), list()])
  for (let round = 0; round < 5; round += 1) {
    running.proxy.reset()
    const answers = await Promise.all([list(), list(), list(), list()])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  }
})

test('connections that are reset under load lose no read', async () => {
  let isOver = false
  const statuses = new Set<number>()
  const readers = Array.from({ length: 8 }, async () => {
    const reader = newUser()
    while (!isOver) statuses.add((await list(reader)).status)
  })
  // A read is sent three times at most, so it outlives two resets, wherever they meet it.
  for (let reset = 0; reset < 2; reset += 1) {
    await sleep(150)
    running.proxy.reset()
  }
  await sleep(150)
  isOver = true
  await Promise.all(readers)
  expect([...statuses]).toEqual([200])
})

test('more requests than the queue takes are refused at once, and the rest are served', async () => {
  running.proxy.delayMs = 50
  const answers = await Promise.all(Array.from({ length: 60 }, () => list(newUser())))
  running.proxy.delayMs = 0
  const refused = answers.filter(({ status }) => status === 503)
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]?.json()).toMatchObject({ code: 'overloaded' })
  expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(20)
  expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true)
})
