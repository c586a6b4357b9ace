import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { OpenDatabase } from '#db/database'
import { openCallerDatabase } from '#db/scoped'
import type { Transport } from '#db/transports/transport'
import { withoutFirstWall } from '#tests/support/breached'
import { openTestDatabase, options, type TestDatabase, transports } from '#tests/support/databases'
import { newUser, tokenFor } from '#tests/support/tokens'

// Lists then count the tasks of all pages too.
vi.stubEnv('LIST_ENVELOPE', 'items')
const { handle } = await import('#server/handle')

const shared = globalThis as typeof globalThis & {
  todoDatabase?: Promise<OpenDatabase>
  todoOpenDatabase?: OpenDatabase
}

/** Serves requests in this process from a database, whose statements go by another transport. */
function serveFrom(database: OpenDatabase, transport: Transport): void {
  const through: OpenDatabase = {
    ...database,
    transport,
    forUser: (userId) => openCallerDatabase(transport, userId, options.limits),
  }
  shared.todoOpenDatabase = through
  shared.todoDatabase = Promise.resolve(through)
}

/** Runs what the service sends as the administrator, whom row-level security lets see everything. */
function withoutSecondWall(transport: Transport): Transport {
  return {
    ...transport,
    async transaction([, ...statements], timeoutMs) {
      return [[], ...(await transport.transaction(statements, timeoutMs))]
    },
  }
}

async function ask(as: string, method: string, path: string, body?: unknown, headers = {}) {
  const url = new URL(`http://in-process/api/tasks${path}`)
  const response = await handle(
    new Request(url, {
      method,
      headers: {
        authorization: `Bearer ${await tokenFor(as)}`,
        'content-type': 'application/json',
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }),
    url,
  )
  const text = await response.text()
  return { status: response.status, headers: response.headers, text }
}

/** Every statement on one task that the service sends, with and without conditions. */
const onOneTask = ['GET', 'PATCH', 'DELETE', 'flip', 'set'].flatMap((kind) => [
  { kind, headers: {} },
  { kind, headers: { 'if-match': '*' } },
  { kind, headers: { 'if-match': '"7"' } },
  { kind, headers: { 'if-none-match': '"7"' } },
])

const lists = ['', '?status=pending', '?sort=title', '?sort=title&order=desc', '?order=asc']

describe.each(transports)('on %s', (name) => {
  let opened: TestDatabase
  let alicesTask: string
  let mallory: string
  const everything = () =>
    opened.asAdministrator('select * from tasks order by user_id, id').then(JSON.stringify)

  async function askFor(kind: string, id: string, headers: Record<string, string>) {
    if (kind === 'flip') return await ask(mallory, 'PATCH', `/${id}/complete`, undefined, headers)
    if (kind === 'set') {
      return await ask(mallory, 'PATCH', `/${id}/complete`, { completed: true }, headers)
    }
    const body = kind === 'PATCH' ? { title: 'Mine' } : undefined
    return await ask(mallory, kind, `/${id}`, body, headers)
  }

  beforeAll(async () => {
    opened = await openTestDatabase(name)
    await opened.database.makeReady()
    serveFrom(opened.database, opened.database.transport)
    const alice = newUser()
    mallory = newUser()
    const created: { id: string }[] = []
    for (const title of ['Alice’s', 'Another of Alice’s', 'A third of Alice’s']) {
      created.push(JSON.parse((await ask(alice, 'POST', '', { title })).text))
      await ask(mallory, 'POST', '', { title: `Not ${title}` })
    }
    alicesTask = created[0]?.id ?? ''
  })
  afterAll(async () => {
    await opened?.close()
    delete shared.todoOpenDatabase
    delete shared.todoDatabase
  })

  const walls: [string, (transport: Transport) => Transport][] = [
    ['first', withoutFirstWall],
    ['second', withoutSecondWall],
  ]
  describe.each(walls)('without the %s wall', (_, without) => {
    beforeEach(() => serveFrom(opened.database, without(opened.database.transport)))

    test.each(onOneTask)(
      'a $kind of another user’s task with $headers finds nothing',
      async ({ kind, headers }) => {
        const before = await everything()
        const nobodys = await askFor(kind, crypto.randomUUID(), headers)
        const answer = await askFor(kind, alicesTask, headers)
        expect(answer.status).toBe(404)
        expect(answer.status).toBe(nobodys.status)
        expect(await everything()).toBe(before)
      },
    )

    test.each(lists)(
      'a list of all pages%s has and counts the caller’s tasks only',
      async (query) => {
        const join = query === '' ? '?' : '&'
        const titles: string[] = []
        let next: string | undefined = `${query}${join}limit=1`
        while (next !== undefined) {
          const page = await ask(mallory, 'GET', next)
          expect(page.status, page.text).toBe(200)
          const { items, total } = JSON.parse(page.text)
          titles.push(...items.map(({ title }: { title: string }) => title))
          expect(total).toBe(3)
          next = /<(\?[^>]*)>/.exec(page.headers.get('link') ?? '')?.[1]
        }
        expect(titles).toHaveLength(3)
        expect(titles.every((title) => title.startsWith('Not '))).toBe(true)
      },
    )
  })
})
