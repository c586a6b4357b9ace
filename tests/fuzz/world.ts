import { expect } from 'vitest'
import { type Fields, UserModel } from '#tests/fuzz/model'
import type { Step } from '#tests/fuzz/steps'
import { type CheckedAnswer, call, type Task } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

/** Three users, each with the model of what they should see. */
export class World {
  readonly users = Array.from({ length: 3 }, () => ({ id: newUser(), model: new UserModel() }))
  readonly #ids: string[] = [crypto.randomUUID()]
  readonly #oldTags: string[] = ['"0"']

  /** Takes a step, compares its answer with the model's, then the list of who took it. */
  async take(step: Step): Promise<void> {
    const { id: as, model } = this.#actor(step)
    const base = ['/api/tasks', `/api/${as}/tasks`, `/api/${as}`][step.family] ?? ''
    await this.#act(step, as, model, base)
    await this.compare(step.user)
  }

  /** Compares what a user sees with their model. */
  async compare(user: number): Promise<void> {
    const { id: as, model } = this.#actor({ user })
    const list = await call('GET', '/api/tasks', { as })
    expect(list.json<Task[]>()).toEqual(model.list())
  }

  #actor({ user }: { user: number }) {
    const actor = this.users[user]
    if (actor === undefined) throw new Error('There are three users.')
    return actor
  }

  async #act(step: Step, as: string, model: UserModel, base: string): Promise<void> {
    const id = this.#ids[step.target % this.#ids.length] ?? ''
    const ifMatch = this.#condition(step, model, id)
    const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch }
    const path = `${base}/${id}`
    switch (step.kind) {
      case 'create':
        return await this.#create(base, as, model, step)
      case 'read': {
        const answer = await call('GET', path, { as })
        expect(answer.status).toBe(model.expectWrite(id, undefined))
        if (answer.status === 200) expect(answer.json()).toEqual(model.tasks.get(id)?.task)
        return
      }
      case 'delete': {
        const answer = await call('DELETE', path, { as, headers })
        expect(answer.status, answer.text).toBe(model.expectWrite(id, ifMatch, 204))
        if (answer.status === 204) model.tasks.delete(id)
        return
      }
      case 'update': {
        const answer = await call(step.method, path, { as, headers, body: step.changes })
        return this.#written(answer, model, id, ifMatch, step.changes)
      }
      case 'complete': {
        const { completed = !model.tasks.get(id)?.task.completed } = step
        const body = step.completed === undefined ? {} : { body: { completed } }
        const answer = await call('PATCH', `${path}/complete`, { as, headers, ...body })
        return this.#written(answer, model, id, ifMatch, { completed })
      }
      case 'race':
        return await this.#race(path, as, model, id, step.writers)
      case 'list': {
        const { completed, limit } = step
        const filter = completed === undefined ? '' : `&completed=${completed}`
        const answer = await call('GET', `${base}?limit=${limit}${filter}`, { as })
        expect(answer.json<Task[]>()).toEqual(model.list(completed).slice(0, limit))
        expect(answer.headers.has('link')).toBe(model.list(completed).length > limit)
      }
    }
  }

  #condition({ ifMatch }: Step, model: UserModel, id: string): string | undefined {
    switch (ifMatch) {
      case 'none':
        return undefined
      case 'any':
        return '*'
      case 'current':
        return model.tasks.get(id)?.etag ?? '"1"'
      case 'stale':
        return this.#oldTags.at(-1)
    }
  }

  async #create(base: string, as: string, model: UserModel, step: Step & { kind: 'create' }) {
    const headers = step.key === undefined ? {} : { 'idempotency-key': step.key }
    const expected = model.expectCreate(step.key, step.fields)
    const answer = await call('POST', base, { as, headers, body: step.fields })
    expect(answer.status, answer.text).toBe(expected.status)
    if (answer.status === 200) {
      expect(answer.json()).toEqual(model.tasks.get(expected.id ?? '')?.task)
    }
    if (answer.status !== 201) return
    const task = answer.json()
    expect(task).toMatchObject({ ...step.fields, user_id: as })
    model.created(task, etagOf(answer), step.key, step.fields)
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
    if (isChange) this.#oldTags.push(before)
    expect(answer.json()).toEqual(model.changed(id, changes, answer.json(), etagOf(answer)))
  }

  /** Several write to one version at once: one wins, or an update is lost. */
  async #race(path: string, as: string, model: UserModel, id: string, writers: number) {
    const etag = model.tasks.get(id)?.etag ?? '"1"'
    const headers = { 'if-match': etag }
    const changes = Array.from({ length: writers }, (_, i) => ({ title: `writer ${i}` }))
    const answers = await Promise.all(
      changes.map((body) => call('PATCH', path, { as, headers, body })),
    )
    const isThere = model.tasks.has(id)
    const won = answers.findIndex(({ status }) => status === 200)
    const statuses = answers.map(({ status }) => status).sort()
    const lost = Array(writers - 1).fill(412)
    expect(statuses).toEqual(isThere ? [200, ...lost] : Array(writers).fill(404))
    const [answer, change] = [answers[won], changes[won]]
    if (answer !== undefined && change !== undefined) this.#written(answer, model, id, etag, change)
  }
}

function etagOf({ headers }: CheckedAnswer): string {
  return headers.get('etag') ?? 'none'
}
