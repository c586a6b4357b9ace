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

/** Who acts, on which of all tasks that ever were, and under which condition. */
const step = fc.record({
  user: fc.nat(2),
  target: fc.nat(20),
  condition: fc.constantFrom('none', 'none', 'any', 'current', 'stale'),
  action: fc.oneof(
    create,
    create,
    fc.record({ kind: fc.constantFrom('read', 'delete') }),
    fc.record({
      ...{ kind: fc.constant('update'), method: fc.constantFrom('PUT', 'PATCH') },
      changes,
    }),
    fc.record({ kind: fc.constant('complete'), flag: fc.constantFrom(undefined, true, false) }),
  ),
})

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

/** Three users, each with the model of what they should see. */
class World {
  readonly users = Array.from({ length: 3 }, () => ({ as: newUser(), model: new UserModel() }))
  readonly #ids = [crypto.randomUUID() as string]
  #staleTag = '"0"'

  /** Takes a step, and compares its answer with the model's. */
  async take({ user, target, condition, action }: Step): Promise<void> {
    const { as, model } = this.#actor(user)
    const id = this.#ids[target % this.#ids.length] ?? ''
    const known = model.tasks.get(id)
    const tags = { none: undefined, any: '*', current: known?.etag ?? '"1"', stale: this.#staleTag }
    const ifMatch = tags[condition]
    const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch }
    const path = `/api/tasks/${id}`
    switch (action.kind) {
      case 'create':
        return await this.#create(as, model, action)
      case 'read': {
        const answer = await call('GET', path, { as })
        expect(answer.status).toBe(model.expectWrite(id, undefined))
        if (answer.status === 200) expect(answer.json()).toEqual(known?.task)
        return
      }
      case 'delete': {
        const answer = await call('DELETE', path, { as, headers })
        expect(answer.status, answer.text).toBe(model.expectWrite(id, ifMatch, 204))
        if (answer.status === 204) model.tasks.delete(id)
        return
      }
      case 'update': {
        const answer = await call(action.method, path, { as, headers, body: action.changes })
        return this.#written(answer, model, id, ifMatch, action.changes)
      }
      case 'complete': {
        const { flag: completed = !known?.task.completed } = action
        const body = action.flag === undefined ? {} : { body: { completed } }
        const answer = await call('PATCH', `${path}/complete`, { as, headers, ...body })
        return this.#written(answer, model, id, ifMatch, { completed })
      }
    }
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

  async #create(as: string, model: UserModel, { key, fields }: CreateAction): Promise<void> {
    const headers = key === undefined ? {} : { 'idempotency-key': key }
    const expected = model.expectCreate(key, fields)
    const answer = await call('POST', '/api/tasks', { as, headers, body: fields })
    expect(answer.status, answer.text).toBe(expected.status)
    if (answer.status === 200) {
      expect(answer.json()).toEqual(model.tasks.get(expected.id ?? '')?.task)
    }
    if (answer.status !== 201) return
    const task = answer.json()
    expect(task).toMatchObject({ ...fields, user_id: as })
    model.created(task, etagOf(answer), key, fields)
    this.#ids.push(task.id)
  }

  #written(
    answer: CheckedAnswer,
    model: UserModel,
    id: string,
    ifMatch: string | undefined,
    changes: Partial<Fields>,
  ) {
    expect(answer.status, answer.text).toBe(model.expectWrite(id, ifMatch))
    if (answer.status !== 200) return
    const before = model.tasks.get(id)?.etag ?? ''
    const isChange = Object.keys(changes).length > 0
    expect(etagOf(answer) === before).toBe(!isChange)
    if (isChange) this.#staleTag = before
    expect(answer.json()).toEqual(model.changed(id, changes, answer.json(), etagOf(answer)))
  }
}

type CreateAction = typeof create extends fc.Arbitrary<infer Value> ? Value : never

function etagOf({ headers }: CheckedAnswer): string {
  return headers.get('etag') ?? 'none'
}

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
