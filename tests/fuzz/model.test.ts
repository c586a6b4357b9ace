import fc from 'fast-check'
import { expect } from 'vitest'
import { type Fields, UserModel } from '#tests/fuzz/model'
import { testProperty } from '#tests/fuzz/runs'
import { type CheckedAnswer, call, type Task } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

const title = fc.constantFrom('a', 'B', 'é', '😀', 'buy milk')
const description = fc.constantFrom(null, '', 'text')
const fields = fc.record({ title, description, completed: fc.boolean() })
const changes = fc.record({ title, description, completed: fc.boolean() }, { requiredKeys: [] })
const key = fc.constantFrom(undefined, undefined, 'k1', 'k2')

const create = fc.record({ kind: fc.constant('create'), key, fields })
const change = fc.record({
  kind: fc.constant('change'),
  method: fc.constantFrom('PUT', 'PATCH'),
  changes,
})
const complete = fc.record({
  kind: fc.constant('complete'),
  flag: fc.constantFrom(undefined, true, false),
})
const other = fc.record({ kind: fc.constantFrom('GET', 'DELETE') })

/** Who acts, on which of all tasks that ever were, and under which condition. */
const step = fc.record({
  user: fc.nat(2),
  target: fc.nat(20),
  condition: fc.constantFrom('none', 'none', 'any', 'current', 'stale'),
  action: fc.oneof(create, create, change, complete, other),
})

type Generated<Of> = Of extends fc.Arbitrary<infer Value> ? Value : never
type Step = Generated<typeof step>

/** The request that does something to a task, and what it changes. */
function requestFor(
  action: Exclude<Step['action'], Generated<typeof create>>,
  task: Task | undefined,
): { method: string; path?: string; body?: object; changes?: Partial<Fields> } {
  if (action.kind === 'change') {
    return { method: action.method, body: action.changes, changes: action.changes }
  }
  if (action.kind !== 'complete') return { method: action.kind }
  const completed = action.flag ?? !task?.completed
  const body = action.flag === undefined ? {} : { body: { completed } }
  return { method: 'PATCH', path: '/complete', changes: { completed }, ...body }
}

/** Three users, each with the model of what they should see. */
class World {
  readonly users = [0, 1, 2].map(() => ({ as: newUser(), model: new UserModel() }))
  readonly #ids = [crypto.randomUUID() as string]
  #staleTag = '"0"'

  /** Takes a step, and compares its answer with the model's. */
  async take({ user, target, condition, action }: Step): Promise<void> {
    const { as, model } = this.#actor(user)
    if (action.kind === 'create') return await this.#create(as, model, action)
    const id = this.#ids[target % this.#ids.length] ?? ''
    const known = model.tasks.get(id)
    const { method, path = '', body, changes } = requestFor(action, known?.task)
    const tags = { none: undefined, any: '*', current: known?.etag ?? '"1"', stale: this.#staleTag }
    const ifMatch = method === 'GET' ? undefined : tags[condition]
    const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch }
    const answer = await call(method, `/api/tasks/${id}${path}`, { as, headers, body })
    const done = method === 'DELETE' ? 204 : 200
    expect(answer.status, answer.text).toBe(model.expectWrite(id, ifMatch, done))
    if (answer.status === 204) model.tasks.delete(id)
    if (answer.status !== 200 || known === undefined) return
    const isChange = Object.keys(changes ?? {}).length > 0
    expect(etagOf(answer) === known.etag).toBe(!isChange)
    if (isChange) this.#staleTag = known.etag
    const expected = model.changed(id, changes ?? {}, answer.json(), etagOf(answer))
    expect(answer.json()).toEqual(isChange ? expected : known.task)
  }

  /** Compares what a user sees with their model. */
  async compare(user: number): Promise<void> {
    const { as, model } = this.#actor(user)
    const list = await call('GET', '/api/tasks', { as })
    expect(list.json<Task[]>()).toEqual(model.list())
  }

  #actor(user: number) {
    const actor = this.users[user]
    if (actor === undefined) throw new Error('There are three users.')
    return actor
  }

  async #create(as: string, model: UserModel, { key, fields }: Generated<typeof create>) {
    const headers = key === undefined ? {} : { 'idempotency-key': key }
    const expected = model.expectCreate(key, fields)
    const answer = await call('POST', '/api/tasks', { as, headers, body: fields })
    expect(answer.status, answer.text).toBe(expected.status)
    const task = answer.json()
    if (answer.status === 200) expect(task).toEqual(model.tasks.get(expected.id ?? '')?.task)
    if (answer.status !== 201) return
    expect(task).toMatchObject({ ...fields, user_id: as })
    model.created(task, etagOf(answer), key, fields)
    this.#ids.push(task.id)
  }
}

const etagOf = ({ headers }: CheckedAnswer) => headers.get('etag') ?? 'none'

testProperty(
  'three users whose requests are interleaved see what each of them did, and nothing else',
  20,
  fc.array(step, { minLength: 1, maxLength: 12 }),
  async (steps) => {
    const world = new World()
    for (const taken of steps) {
      await world.take(taken)
      await world.compare(taken.user)
    }
    for (const user of world.users.keys()) await world.compare(user)
  },
)
