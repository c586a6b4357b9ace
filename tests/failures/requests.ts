import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { World } from '#tests/failures/world'
import { createBy } from '#tests/support/send'
import { newUser, testSecret, tokenFor } from '#tests/support/tokens'

/** Somebody with an account and a task of their own, so that no request limits another. */
export interface Person {
  readonly id: string
  readonly taskId: string
}

interface Request {
  readonly method: string
  readonly path: string
  readonly body?: object
  /** In place of a JWT by the shared secret. */
  readonly token?: string | undefined
}

/** What a person may ask of the service. */
export const requests = {
  list: () => ({ method: 'GET', path: '/api/tasks' }),
  read: ({ taskId }) => ({ method: 'GET', path: `/api/tasks/${taskId}` }),
  create: () => ({ method: 'POST', path: '/api/tasks', body: { title: 'In a failure' } }),
  replace: ({ taskId }) => ({
    method: 'PUT',
    path: `/api/tasks/${taskId}`,
    body: { title: 'Replaced in a failure' },
  }),
  change: ({ taskId }) => ({
    method: 'PATCH',
    path: `/api/tasks/${taskId}`,
    body: { title: 'Changed in a failure' },
  }),
  complete: ({ taskId }) => ({ method: 'PATCH', path: `/api/tasks/${taskId}/complete` }),
  delete: ({ taskId }) => ({ method: 'DELETE', path: `/api/tasks/${taskId}` }),
  'list with a session token': ({ id }) => ({
    method: 'GET',
    path: '/api/tasks',
    token: sessionTokenOf(id),
  }),
  'read with a session token': ({ id, taskId }) => ({
    method: 'GET',
    path: `/api/tasks/${taskId}`,
    token: sessionTokenOf(id),
  }),
  'list with a key of the issuer': async ({ id }, { key }) => ({
    method: 'GET',
    path: '/api/tasks',
    token: await key.sign(id),
  }),
  'list with a forged token': async ({ id }) => ({
    method: 'GET',
    path: '/api/tasks',
    token: (await tokenFor(id)).replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')),
  }),
  'list with an expired token': async ({ id }) => ({
    method: 'GET',
    path: '/api/tasks',
    token: await tokenFor(id, { exp: 1 }),
  }),
  'list without a token': () => ({ method: 'GET', path: '/api/tasks', token: undefined }),
  'list of somebody else': () => ({ method: 'GET', path: '/api/somebody-else/tasks' }),
  ready: () => ({ method: 'GET', path: '/health/ready', token: undefined }),
} satisfies Record<string, (person: Person, world: World) => Request | Promise<Request>>

export type RequestName = keyof typeof requests

/** A session token of Better Auth's, signed as it signs them. The session is made by `newPeople`. */
function sessionTokenOf(userId: string): string {
  const signature = createHmac('sha256', testSecret).update(userId).digest('base64')
  return `${userId}.${signature}`
}

/** Makes people with an account, a session and a task each. */
export async function newPeople({ sql, url }: World, count: number): Promise<Person[]> {
  const ids = Array.from({ length: count }, newUser)
  const each = `unnest('{${ids}}'::text[]) as id`
  await sql(
    `insert into users select id, 'Anna', true from ${each}`,
    `insert into session select id, id, now() + interval '1 day' from ${each}`,
  )
  return await Promise.all(ids.map(async (id) => ({ id, taskId: await createBy(url, id) })))
}

export async function newPerson(world: World): Promise<Person> {
  const [person] = await newPeople(world, 1)
  if (person === undefined) throw new Error('Nobody was made.')
  return person
}

/** The answer to a request, with how the service logged it. */
export interface Seen {
  readonly status: number
  /** The reason phrase of the status line. */
  readonly reason: string
  readonly headers: Headers
  readonly text: string
  readonly requestId: string
  readonly durationMs: number
}

/** The page that asks; its origin is allowed unless `CORS_ORIGINS` says otherwise. */
export const origin = 'http://localhost:3000'

/** Sends a request as a page of the frontend does. */
export async function ask(world: World, name: RequestName, person: Person): Promise<Seen> {
  const answer = await askOnce(world, name, person)
  // Readiness may be remembered for a moment, so that asking often costs the database nothing.
  if (name !== 'ready' || answer.status >= 400) return answer
  for (const end = performance.now() + 20_000; performance.now() < end; await sleep(50)) {
    const later = await askOnce(world, name, person)
    if (later.status >= 400) return later
  }
  return answer
}

async function askOnce(world: World, name: RequestName, person: Person): Promise<Seen> {
  const request: Request = await requests[name](person, world)
  const token = 'token' in request ? request.token : await tokenFor(person.id)
  const requestId = crypto.randomUUID()
  const startedAt = performance.now()
  const response = await fetch(world.url + request.path, {
    method: request.method,
    headers: {
      origin,
      'x-request-id': requestId,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(request.body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    reason: response.statusText,
    headers: response.headers,
    text,
    requestId,
    durationMs: performance.now() - startedAt,
  }
}
