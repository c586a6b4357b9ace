import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { World } from '#tests/failures/world'
import { createBy, request } from '#tests/support/send'
import { newUser, testSecret, tokenFor } from '#tests/support/tokens'

/** Somebody with an account, a session and a task of their own, so that no request limits another. */
export interface Person {
  readonly id: string
  readonly taskId: string
}

interface Request {
  readonly method: string
  /** `{id}` stands for the task. */
  readonly path: string
  readonly body?: object
  /** In place of a JWT by the shared secret. */
  readonly tokenOf?: (userId: string, world: World) => string | undefined | Promise<string>
}

const list = { method: 'GET', path: '/api/tasks' }
const read = { method: 'GET', path: '/api/tasks/{id}' }
const body = { title: 'In a failure' }

/** What a person may ask of the service. */
const requests = {
  list,
  read,
  create: { method: 'POST', path: '/api/tasks', body },
  replace: { method: 'PUT', path: '/api/tasks/{id}', body },
  change: { method: 'PATCH', path: '/api/tasks/{id}', body },
  complete: { method: 'PATCH', path: '/api/tasks/{id}/complete' },
  delete: { method: 'DELETE', path: '/api/tasks/{id}' },
  'list with a session token': { ...list, tokenOf: sessionTokenOf },
  'read with a session token': { ...read, tokenOf: sessionTokenOf },
  'list with a key of the issuer': { ...list, tokenOf: (userId, { key }) => key.sign(userId) },
  'list with a forged token': { ...list, tokenOf: forgedTokenOf },
  'list with an expired token': { ...list, tokenOf: (userId) => tokenFor(userId, { exp: 1 }) },
  'list without a token': { ...list, tokenOf: () => undefined },
  'list of somebody else': { ...list, path: '/api/somebody-else/tasks' },
  ready: { ...list, path: '/health/ready', tokenOf: () => undefined },
} satisfies Record<string, Request>

export type RequestName = keyof typeof requests

/** A session token of Better Auth's, signed as it signs them. */
function sessionTokenOf(userId: string): string {
  return `${userId}.${createHmac('sha256', testSecret).update(userId).digest('base64')}`
}

async function forgedTokenOf(userId: string): Promise<string> {
  return (await tokenFor(userId)).replace(/.$/, (last) => (last === 'A' ? 'E' : 'A'))
}

export async function newPerson({ sql, url }: World): Promise<Person> {
  const id = newUser()
  await sql(
    `insert into users values ('${id}', 'Anna', true)`,
    `insert into session values ('${id}', '${id}', now() + interval '1 day')`,
  )
  return { id, taskId: await createBy(url, id) }
}

/** The page that asks; its origin is allowed unless `CORS_ORIGINS` says otherwise. */
export const origin = 'http://localhost:3000'

/** Sends a request as a page of the frontend does. */
export async function ask(world: World, name: RequestName, person: Person) {
  const answer = await askOnce(world, name, person)
  // Readiness may be remembered for a moment, so that asking often costs the database nothing.
  if (name !== 'ready' || answer.status >= 400) return answer
  for (const end = performance.now() + 20_000; performance.now() < end; await sleep(50)) {
    const later = await askOnce(world, name, person)
    if (later.status >= 400) return later
  }
  return answer
}

/** @returns an answer, and the id of its request in the log */
async function askOnce(world: World, name: RequestName, { id, taskId }: Person) {
  const { method, path, body, tokenOf = (userId) => tokenFor(userId) }: Request = requests[name]
  const token = await tokenOf(id, world)
  const requestId = crypto.randomUUID()
  const headers = {
    ...{ origin, 'x-request-id': requestId },
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const answer = await request(world.url + path.replace('{id}', taskId), method, { body, headers })
  return { ...answer, requestId }
}
