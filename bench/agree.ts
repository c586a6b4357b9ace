import { deepStrictEqual, strictEqual } from 'node:assert'
import { type BenchUser, forgeToken } from '#bench/data'
import { createdTitle } from '#bench/operations'
import type { BenchPostgres } from '#bench/postgres'

type Json = Record<string, unknown>

const taskColumns = `id::text, user_id, title, description, completed, completed as is_completed,
  created_at, updated_at`

/**
 * Checks that a server answers every operation as the database says it must, before it is measured.
 * Timestamps may be written in any way that names the same instant.
 *
 * @throws AssertionError
 */
export async function checkAnswers(
  url: string,
  postgres: BenchPostgres,
  [user, other]: readonly BenchUser[],
): Promise<void> {
  const [taskId] = user?.taskIds ?? []
  const [othersId] = other?.taskIds ?? []
  if (user === undefined || taskId === undefined || othersId === undefined)
    throw new Error('Two users with tasks are needed.')
  const send = (method: string, path: string, body?: object, token = user.token) => {
    const authorization = `Bearer ${token}`
    if (body === undefined) return fetch(url + path, { method, headers: { authorization } })
    const headers = { authorization, 'content-type': 'application/json' }
    return fetch(url + path, { method, headers, body: JSON.stringify(body) })
  }
  const stored = async (rest: string, values: unknown[]) =>
    (await postgres.query<Json>(`select ${taskColumns} from tasks ${rest}`, values)).map(toInstants)
  const storedTask = async (id: unknown) => (await stored('where id = $1', [id]))[0]

  const one = await send('GET', `/api/tasks/${taskId}`)
  strictEqual(one.status, 200)
  deepStrictEqual(toInstants(await one.json()), await storedTask(taskId))

  const list = await send('GET', '/api/tasks?limit=50')
  strictEqual(list.status, 200)
  deepStrictEqual(
    ((await list.json()) as Json[]).map(toInstants),
    await stored('where user_id = $1 order by created_at desc, id desc limit 50', [user.id]),
  )

  for (const expected of [true, false]) {
    await postgres.query('update tasks set completed = $2 where id = $1', [taskId, !expected])
    const toggled = await send('PATCH', `/api/tasks/${taskId}/complete`)
    strictEqual(toggled.status, 200)
    const task: Json = await toggled.json()
    strictEqual(task['is_completed'], expected)
    deepStrictEqual(toInstants(task), await storedTask(taskId))
  }

  const created = await send('POST', '/api/tasks', { title: createdTitle, description: 'Milk' })
  strictEqual(created.status, 201)
  const task: Json = await created.json()
  strictEqual(task['description'], 'Milk')
  deepStrictEqual(toInstants(task), await storedTask(task['id']))
  await deleteCreated(postgres)

  strictEqual((await send('POST', '/api/tasks', { title: '' })).status >= 400, true)
  strictEqual((await send('GET', `/api/tasks/${othersId}`)).status, 404)
  strictEqual((await send('PATCH', `/api/tasks/${othersId}/complete`)).status, 404)
  const refused = await send('GET', `/api/tasks/${taskId}`, undefined, forgeToken(user))
  strictEqual(refused.status, 401)
}

/** Takes out what the creates put in, so that every slot begins with the same table. */
export async function deleteCreated(postgres: BenchPostgres): Promise<void> {
  await postgres.query('delete from tasks where title = $1', [createdTitle])
}

function toInstants(task: Json): Json {
  const toTime = (value: unknown) =>
    (value instanceof Date ? value : new Date(String(value))).getTime()
  return {
    ...task,
    created_at: toTime(task['created_at']),
    updated_at: toTime(task['updated_at']),
  }
}
