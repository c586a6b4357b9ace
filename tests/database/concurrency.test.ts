import { afterAll, expect, test } from 'vitest'
import { closeDatabase, setDatabase } from '#lib/service/database'
import { ask, create } from '#tests/database/in-process'
import { openReady } from '#tests/support/databases'
import { newUser } from '#tests/support/tokens'

const { database, asAdministrator } = await openReady('postgres')
setDatabase(database)
afterAll(closeDatabase)

const times = <T>(count: number, run: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => run(index)))

test('200 simultaneous flips of one task get 200 answers and end in the right state', async () => {
  const user = newUser()
  const id = await create(user)
  await asAdministrator(`update tasks set version = 1 where id = '${id}'`)
  const answers = await times(200, () => ask(user, 'PATCH', `/${id}/complete`))
  expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200))
  const flipped = answers.filter(({ text }) => JSON.parse(text).completed)
  expect(flipped).toHaveLength(100)
  const found = await asAdministrator('select completed, version from tasks')
  expect(found).toEqual([{ completed: false, version: 201 }])
})

test('of parallel deletes of one task, one is answered 204 and the rest 404', async () => {
  const user = newUser()
  const id = await create(user)
  const answers = await times(50, () => ask(user, 'DELETE', `/${id}`))
  const statuses = answers.map(({ status }) => status).toSorted()
  expect(statuses).toEqual([204, ...Array(49).fill(404)])
})

test('updates of different fields at the same time are all kept', async () => {
  const user = newUser()
  const path = `/${await create(user)}`
  const changes = { title: 'New', description: 'Also new', completed: true }
  await Promise.all(
    Object.entries(changes).map(([name, value]) => ask(user, 'PATCH', path, { [name]: value })),
  )
  expect(JSON.parse((await ask(user, 'GET', path)).text)).toMatchObject(changes)
})

test('the version behind the last that the column holds is the first again', async () => {
  const user = newUser()
  const id = await create(user)
  await asAdministrator(`update tasks set version = 2147483647 where id = '${id}'`)
  for (const version of [1, 2]) {
    const { status, headers } = await ask(user, 'PATCH', `/${id}/complete`)
    expect([status, headers.get('etag')]).toEqual([200, `"${version}"`])
  }
})
