import type { BenchAnswer, BenchRequest, Connection } from '#bench/connection'
import { pick, signToken } from '#bench/data'

export interface ExpectedTask {
  readonly title: string
  readonly completed: boolean
}

/** What a person does, in shares of all requests; the model of capacity reckons with the same. */
export const visitorMix = {
  create: 0.15,
  read: 0.4,
  list: 0.25,
  complete: 0.1,
  rename: 0.05,
  remove: 0.05,
} as const

type Act = keyof typeof visitorMix

/**
 * A person at work: creates, reads, lists, changes, completes and deletes tasks, one request after
 * the other, and remembers what must be stored afterwards.
 */
export class Visitor {
  readonly userId: string
  /** What must be stored, by task id. */
  readonly expected = new Map<string, ExpectedTask>()
  readonly latencies: number[] = []
  readonly faults: string[] = []
  /** How many tasks each list had. */
  readonly listLengths: number[] = []
  readonly #connection: Connection
  readonly #headers: Record<string, string>

  constructor(userId: string, connection: Connection) {
    this.userId = userId
    this.#connection = connection
    this.#headers = { authorization: `Bearer ${signToken(userId)}` }
  }

  async workUntil(end: number): Promise<void> {
    while (performance.now() < end) {
      try {
        await this.#act(drawAct())
      } catch (error) {
        this.faults.push(error instanceof Error ? error.message : String(error))
      }
    }
  }

  async #act(act: Act): Promise<void> {
    const [id, task] = this.expected.size === 0 ? [] : pick([...this.expected])
    if (id === undefined || task === undefined || act === 'create') return await this.#create()
    const path = `/api/tasks/${id}`
    const headers = this.#headers
    if (act === 'read') {
      this.#compare(await this.#send({ method: 'GET', path, headers }, 200), task)
    } else if (act === 'list') {
      const request = { method: 'GET', path: '/api/tasks', headers } as const
      const listed: number = JSON.parse((await this.#send(request, 200)).text).length
      this.listLengths.push(listed)
      if (listed !== this.expected.size) this.faults.push('a list misses tasks, or has others')
    } else if (act === 'complete') {
      const changed = { ...task, completed: !task.completed }
      const request = { method: 'PATCH', path: `${path}/complete`, headers } as const
      this.#compare(await this.#send(request, 200), changed)
      this.expected.set(id, changed)
    } else if (act === 'rename') {
      const changed = { ...task, title: `Renamed ${Math.random()}` }
      this.#compare(await this.#sendBody('PATCH', path, { title: changed.title }, 200), changed)
      this.expected.set(id, changed)
    } else {
      await this.#send({ method: 'DELETE', path, headers }, 204)
      this.expected.delete(id)
    }
  }

  async #create(): Promise<void> {
    const title = `Task ${this.latencies.length}`
    const { text } = await this.#sendBody('POST', '/api/tasks', { title }, 201)
    this.expected.set(JSON.parse(text).id, { title, completed: false })
  }

  #sendBody(method: BenchRequest['method'], path: string, body: object, status: number) {
    const headers = { ...this.#headers, 'content-type': 'application/json' }
    return this.#send({ method, path, headers, body: JSON.stringify(body) }, status)
  }

  async #send(request: BenchRequest, status: number): Promise<BenchAnswer> {
    const sentAt = performance.now()
    const answer = await this.#connection.send(request)
    this.latencies.push(performance.now() - sentAt)
    if (answer.status === status) return answer
    const [, code = 'without a code'] = /"code":"(\w+)"/.exec(answer.text) ?? []
    throw new Error(`${request.method} gave ${answer.status} (${code}), not ${status}`)
  }

  #compare({ text }: BenchAnswer, { title, completed }: ExpectedTask): void {
    const found = JSON.parse(text)
    if (found.title !== title || found.completed !== completed) {
      this.faults.push('an answer shows another state than the last one written')
    }
  }
}

function drawAct(): Act {
  let rest = Math.random()
  for (const [act, share] of Object.entries(visitorMix)) {
    rest -= share
    if (rest < 0) return act as Act
  }
  return 'read'
}
