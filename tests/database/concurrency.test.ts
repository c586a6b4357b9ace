import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { createAtOne, createBy, send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
let url: string
let service: Service

beforeAll(async () => {
  url = server.url(await createDatabase(server))
  service = await startService('node', { DATABASE_URL: url })
})
afterAll(() => service?.stop('SIGKILL'))

const times = <T>(count: number, run: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => run(index)))

test('200 simultaneous flips of one task get 200 answers and end in the right state', async () => {
  const user = newUser()
  const id = await createAtOne(service.url, url, user)
  const path = `/api/tasks/${id}/complete`
  const answers = await times(200, () => send(service.url, 'PATCH', path, user))
  expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200))
  const flipped = answers.filter((answer) => answer.json()['completed'] === true)
  expect(flipped).toHaveLength(100)
  expect(await runSql(url, `select completed, version from tasks where id = '${id}'`)).toEqual([
    { completed: false, version: 201 },
  ])
})

test('of parallel deletes of one task, one is answered 204 and the rest 404', async () => {
  const user = newUser()
  const id = await createBy(service.url, user)
  const answers = await times(50, () => send(service.url, 'DELETE', `/api/tasks/${id}`, user))
  const statuses = answers.map(({ status }) => status).toSorted()
  expect(statuses).toEqual([204, ...Array(49).fill(404)])
})

test('tasks that 50 new users create at the same time stay apart', async () => {
  const users = Array.from({ length: 50 }, newUser)
  const created = await Promise.all(
    users.flatMap((user) =>
      Array.from({ length: 4 }, async () => [user, await createBy(service.url, user)] as const),
    ),
  )
  expect(new Set(created.map(([, id]) => id)).size).toBe(200)
  await Promise.all(
    users.map(async (user) => {
      const list: { id: string; user_id: string }[] = JSON.parse(
        (await send(service.url, 'GET', '/api/tasks', user)).text,
      )
      const own = created.filter(([owner]) => owner === user).map(([, id]) => id)
      expect(list.map(({ id }) => id).toSorted()).toEqual(own.toSorted())
      expect(new Set(list.map(({ user_id }) => user_id))).toEqual(new Set([user]))
    }),
  )
})

test('updates of different fields at the same time are all kept', async () => {
  const user = newUser()
  const id = await createBy(service.url, user)
  const path = `/api/tasks/${id}`
  await Promise.all([
    send(service.url, 'PATCH', path, user, { title: 'New' }),
    send(service.url, 'PATCH', path, user, { description: 'Also new' }),
    send(service.url, 'PATCH', path, user, { completed: true }),
  ])
  expect((await send(service.url, 'GET', path, user)).json()).toMatchObject({
    title: 'New',
    description: 'Also new',
    completed: true,
  })
})
