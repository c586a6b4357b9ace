import type { BenchRequest } from '#bench/connection'
import { type BenchUser, forgeToken, pick, signToken, spentUser } from '#bench/data'
import type { Target } from '#bench/servers'

export interface Operation {
  readonly name: string
  readonly title: string
  readonly status: number
  readonly writes: boolean
  /** Whether a target answers it with this status. */
  readonly isFor: (target: Target) => boolean
  /** Makes what makes the requests, each for another user and task. */
  prepare(users: readonly BenchUser[], url: string): Promise<() => BenchRequest>
}

export const createdTitle = 'Created by the benchmark'
const newTask = JSON.stringify({ title: createdTitle, description: 'It is deleted again.' })

const spentToken = signToken(spentUser)
const isOurs = (target: Target) => target.isOurs === true

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

const toggle = (user: BenchUser): BenchRequest => ({
  method: 'PATCH',
  path: `/api/tasks/${pick(user.taskIds)}/complete`,
  headers: bearer(user),
})

export const readOne = operation('read', 'read one', 200, read)
const listOf50 = operation('list', 'list of 50', 200, (user) => ({
  method: 'GET',
  path: '/api/tasks?limit=50',
  headers: bearer(user),
}))

/** Every operation that is measured, by its name on the command line. */
export const operations: readonly Operation[] = [
  ...[readOne, listOf50],
  operation('create', 'create', 201, create),
  operation('toggle', 'toggle', 200, toggle),
  {
    ...operation('unchanged', 'read one, 304', 304, read),
    prepare: readEtags,
  },
  operation('refused', 'refused token', 401, (user) => ({
    ...read(user),
    headers: { authorization: `Bearer ${forgeToken(user)}` },
  })),
  operation('missing', 'a task that is not there', 404, (user) => ({
    ...read(user),
    path: `/api/tasks/${crypto.randomUUID()}`,
  })),
  operation(
    'stale',
    'a version that is over',
    412,
    (user) => ({ ...toggle(user), headers: { ...bearer(user), 'if-match': '"0"' } }),
    isOurs,
  ),
  operation(
    'invalid',
    'create without a title',
    422,
    (user) => ({ ...create(user), body: '{}' }),
    isOurs,
  ),
  operation(
    'limited',
    'a quota that is used up',
    429,
    (user) => ({ ...read(user), headers: { authorization: `Bearer ${spentToken}` } }),
    ({ name }) => name === 'node-counting',
  ),
]

function operation(
  name: string,
  title: string,
  status: number,
  make: (user: BenchUser) => BenchRequest,
  isFor: (target: Target) => boolean = () => true,
): Operation {
  const writes = name === 'create' || name === 'toggle'
  return { name, title, status, writes, isFor, prepare: async (users) => () => make(pick(users)) }
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
