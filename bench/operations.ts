import type { BenchRequest } from '#bench/connection'
import { type BenchUser, forgeToken, pick } from '#bench/data'

export interface Operation {
  readonly name: string
  readonly title: string
  readonly status: number
  readonly writes: boolean
  /** The peers do not have it, or answer it with another status. */
  readonly isOurs?: boolean
  /** Makes what makes the requests, each for another user and task. */
  prepare(users: readonly BenchUser[], url: string): Promise<() => BenchRequest>
}

export const createdTitle = 'Created by the benchmark'
const newTask = JSON.stringify({ title: createdTitle, description: 'It is deleted again.' })

const read = (user: BenchUser): BenchRequest => ({
  method: 'GET',
  path: `/api/tasks/${pick(user.taskIds)}`,
  headers: bearer(user),
})

const create = (user: BenchUser): BenchRequest => ({
  method: 'POST',
  path: '/api/tasks',
  headers: { ...bearer(user), 'content-type': 'application/json' },
  body: newTask,
})

export const readOne = operation('read', 'read one', 200, (user) => read(user))
const listOf50 = operation('list', 'list of 50', 200, (user) => ({
  method: 'GET',
  path: '/api/tasks?limit=50',
  headers: bearer(user),
}))

/** Every operation that is measured, by its name on the command line. */
export const operations: readonly Operation[] = [
  ...[readOne, listOf50],
  operation('create', 'create', 201, (user) => create(user)),
  operation('toggle', 'toggle', 200, (user) => ({
    method: 'PATCH',
    path: `/api/tasks/${pick(user.taskIds)}/complete`,
    headers: bearer(user),
  })),
  { name: 'unchanged', title: 'read one, 304', status: 304, writes: false, prepare: readEtags },
  operation('refused', 'refused token', 401, (user) => ({
    ...read(user),
    headers: { authorization: `Bearer ${forgeToken(user)}` },
  })),
  operation('missing', 'a task that is not there', 404, (user) => ({
    ...read(user),
    path: `/api/tasks/${crypto.randomUUID()}`,
  })),
  ofOurs('stale', 'a version that is over', 412, (user) => ({
    ...read(user),
    method: 'PATCH',
    headers: { ...bearer(user), 'if-match': '"0"' },
  })),
  ofOurs('invalid', 'create without a title', 422, (user) => ({ ...create(user), body: '{}' })),
]

function operation(
  name: string,
  title: string,
  status: number,
  make: (user: BenchUser) => BenchRequest,
): Operation {
  const writes = name === 'create' || name === 'toggle'
  return { name, title, status, writes, prepare: async (users) => () => make(pick(users)) }
}

function ofOurs(...parts: Parameters<typeof operation>): Operation {
  return { ...operation(...parts), isOurs: true }
}

/** Reads some tasks, so that they can be asked for again with the tag that they have now. */
async function readEtags(users: readonly BenchUser[], url: string) {
  const known: BenchRequest[] = []
  for (const user of users.slice(0, 200)) {
    const request = read(user)
    const answer = await fetch(url + request.path, { headers: request.headers })
    await answer.text()
    const etag = answer.headers.get('etag')
    if (etag === null) throw new Error(`${url} gives tasks without an ETag.`)
    known.push({ ...request, headers: { ...request.headers, 'if-none-match': etag } })
  }
  return () => pick(known)
}

function bearer({ token }: BenchUser): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}
