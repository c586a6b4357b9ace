import { beforeEach, describe, expect, test, vi } from 'vitest'
import { openCallerDatabase } from '#db/scoped'
import type { Transport } from '#db/transports/transport'
import { setDatabase } from '#lib/service/database'
import { ask, create } from '#tests/database/in-process'
import { withoutFirstWall } from '#tests/support/breached'
import { openReady, options, type TestDatabase, transports } from '#tests/support/databases'
import { newUser } from '#tests/support/tokens'

// Lists then count the tasks of all pages too.
vi.stubEnv('LIST_ENVELOPE', 'items')

/** Serves requests in this process from a database, whose statements go by another transport. */
function serveFrom({ database }: TestDatabase, transport: Transport): void {
  setDatabase({
    ...database,
    transport,
    forUser: (userId) => openCallerDatabase(transport, userId, options.limits),
  })
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

/** Every way to ask for one task, each of them sent with and without conditions. */
const requests: [string, string, string, object?][] = [
  ['read', 'GET', ''],
  ['change', 'PATCH', '', { title: 'Mine' }],
  ['delete', 'DELETE', ''],
  ['flip', 'PATCH', '/complete'],
  ['completion', 'PATCH', '/complete', { completed: true }],
]
const conditions: Record<string, string>[] = [
  {},
  { 'if-match': '*' },
  { 'if-match': '"7"' },
  { 'if-none-match': '"7"' },
]
const lists = ['', '&status=pending', '&sort=title', '&sort=title&order=desc', '&order=asc']

describe.each(transports)('on %s', async (name) => {
  const opened = await openReady(name)
  serveFrom(opened, opened.database.transport)
  const [alice, mallory] = [newUser(), newUser()]
  const alicesTask = await create(alice, 'Alice’s')
  await create(alice, 'Another of Alice’s')
  for (const title of ['Not this', 'Not that', 'Not either']) await create(mallory, title)
  const everything = () =>
    opened.asAdministrator('select * from tasks order by user_id, id').then(JSON.stringify)

  describe.each([
    ['first', withoutFirstWall],
    ['second', withoutSecondWall],
  ])('without the %s wall', (_, without) => {
    beforeEach(() => serveFrom(opened, without(opened.database.transport)))

    test.each(requests)('a %s of others finds nothing', async (...[, method, path, body]) => {
      const before = await everything()
      for (const headers of conditions) {
        const answer = await ask(mallory, method, `/${alicesTask}${path}`, body, headers)
        expect([headers, answer.status]).toEqual([headers, 404])
      }
      expect(await everything()).toBe(before)
    })

    test.each(lists)('a list in pages%s has and counts the caller’s tasks alone', async (query) => {
      const titles: string[] = []
      let next: string | undefined = `?limit=1${query}`
      while (next !== undefined) {
        const page = await ask(mallory, 'GET', next)
        const { items, total } = JSON.parse(page.text)
        expect(total).toBe(3)
        titles.push(...items.map(({ title }: { title: string }) => title))
        next = /<(\?[^>]*)>/.exec(page.headers.get('link') ?? '')?.[1]
      }
      expect(titles.sort()).toEqual(['Not either', 'Not that', 'Not this'])
    })
  })
})
