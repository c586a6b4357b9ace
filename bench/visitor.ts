import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchRequest, Connection } from '#bench/connection'
import { pick, signToken } from '#bench/data'

/** What a person does, in shares of all requests. */
const mix = { create: 0.15, read: 0.4, list: 0.25, complete: 0.1, rename: 0.05, remove: 0.05 }

export interface Visit {
  readonly userId: string
  /** Title and completion of what must be stored, by task id. */
  readonly expected: ReadonlyMap<string, { readonly title: string; readonly completed: boolean }>
  readonly latencies: readonly number[]
  readonly faults: readonly string[]
}

/**
 * A person at work until `end`: creates, reads, lists, changes, completes and deletes tasks, one
 * request after the other, compares every answer and remembers what must be stored afterwards.
 *
 * @param pauseMs between an answer and the next request
 */
export async function visit(
  userId: string,
  connection: Connection,
  end: number,
  pauseMs: number,
): Promise<Visit> {
  const expected = new Map<string, { title: string; completed: boolean }>()
  const latencies: number[] = []
  const faults: string[] = []
  const bearer = { authorization: `Bearer ${signToken(userId)}` }
  const withBody = { ...bearer, 'content-type': 'application/json' }

  async function send(method: BenchRequest['method'], path: string, status: number, body?: object) {
    const content = body && { headers: withBody, body: JSON.stringify(body) }
    const sentAt = performance.now()
    const answer = await connection.send({ method, path, headers: bearer, ...content })
    latencies.push(performance.now() - sentAt)
    if (answer.status === status) return status === 204 ? undefined : JSON.parse(answer.text)
    const { code = 'no code', detail = '' } = JSON.parse(answer.text)
    throw new Error(`${method} gave ${answer.status}, not ${status}: ${code}. ${detail}`)
  }

  async function act(): Promise<void> {
    const drawn = drawAct()
    const [id, task] = expected.size === 0 ? [] : pick([...expected])
    if (id === undefined || task === undefined || drawn === 'create') {
      const title = `Task ${latencies.length}`
      const created: { id: string } = await send('POST', '/api/tasks', 201, { title })
      expected.set(created.id, { title, completed: false })
      return
    }
    const path = `/api/tasks/${id}`
    if (drawn === 'list') {
      const listed: unknown[] = await send('GET', '/api/tasks', 200)
      if (listed.length !== expected.size) faults.push('a list misses tasks, or has others')
    } else if (drawn === 'remove') {
      await send('DELETE', path, 204)
      expected.delete(id)
    } else {
      const changed = { ...task }
      let found: typeof task
      if (drawn === 'complete') {
        changed.completed = !task.completed
        found = await send('PATCH', `${path}/complete`, 200)
      } else if (drawn === 'rename') {
        changed.title = `Renamed ${Math.random()}`
        found = await send('PATCH', path, 200, { title: changed.title })
      } else {
        found = await send('GET', path, 200)
      }
      expected.set(id, changed)
      if (found.title !== changed.title || found.completed !== changed.completed) {
        faults.push('an answer shows another state than the last one written')
      }
    }
  }

  // Not everybody comes at the same moment.
  if (pauseMs > 0) await sleep(Math.random() * pauseMs)
  while (performance.now() < end) {
    await act().catch((error) =>
      faults.push(error instanceof Error ? error.message : String(error)),
    )
    if (pauseMs > 0) await sleep(pauseMs)
  }
  return { userId, expected, latencies, faults }
}

function drawAct(): string {
  let rest = Math.random()
  for (const [act, share] of Object.entries(mix)) {
    rest -= share
    if (rest < 0) return act
  }
  return 'read'
}
