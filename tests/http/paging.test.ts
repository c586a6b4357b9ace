import { describe, expect, test } from 'vitest'
import { type CheckedAnswer, call, createTask, listTasks, type Task } from '#tests/support/api'
import { newUser } from '#tests/support/tokens'

/** Where the next page is, resolved as a client does it. */
function nextOf({ headers }: CheckedAnswer, path: string): string | undefined {
  const link = headers.get('link')
  if (link === null) return undefined
  const target = /^<([^>]*)>; rel="next"$/.exec(link)?.[1]
  // Relative to the query alone, so that it holds behind the rewrite of a frontend.
  if (target?.startsWith('?') !== true) throw new Error(`Not a link to a next page: ${link}`)
  const url = new URL(target, `http://service/a/proxy${path}`)
  return url.pathname.replace('/a/proxy', '') + url.search
}

/** All pages of a list. */
async function pages(as: string, first: string) {
  const found: Task[][] = []
  for (let path: string | undefined = first; path !== undefined; ) {
    const answer = await call('GET', path, { as })
    expect(answer.status, answer.text).toBe(200)
    found.push(answer.json<Task[]>())
    path = nextOf(answer, path)
  }
  return found
}

const createTasks = async (as: string, titles: readonly string[]) => {
  for (const [i, title] of titles.entries()) {
    await createTask(as, { title, completed: i % 3 === 0 })
  }
}

describe('the pages of a list are the list, cut into pieces', async () => {
  const as = newUser()
  const filters = ['', '&status=pending', '&search=A', '&offset=0&page=1']
  const orders = ['sort=created', 'sort=created&order=asc', 'sort=title', 'sort=title&order=desc']

  const same = ['same', 'same', 'same']
  await createTasks(as, ['b', 'B', 'a', 'A', 'ä', 'Ä', ...same, '😀', '1', '10', '2', ' z', 'ab'])

  test.each(orders)('by %s, under any filter and limit', async (order) => {
    for (const filter of filters) {
      const query = `?${order}${filter}`
      const whole = await listTasks(as, query)
      for (const limit of [2, whole.length - 1, whole.length]) {
        const found = await pages(as, `/api/tasks${query}&limit=${limit}`)
        expect(found.flat()).toEqual(whole)
        expect(found.slice(0, -1).every((page) => page.length === limit)).toBe(true)
        expect(found).toHaveLength(Math.ceil(whole.length / limit))
      }
    }
  })

  test('by number and by offset, and Link leads on', async () => {
    const whole = await listTasks(as, '?sort=title')
    for (const page of [1, 2, 3, 4]) {
      const from = 4 * (page - 1)
      const expected = whole.slice(from, from + 4)
      for (const start of [`page=${page}`, `offset=${from}`, `page=${page}&offset=${from}`]) {
        const found = await pages(as, `/api/tasks?sort=title&limit=4&${start}`)
        expect([start, found[0]]).toEqual([start, expected])
        expect([start, found.flat()]).toEqual([start, whole.slice(from)])
      }
    }
  })

  test('and a cursor stands beside no number and no offset', async () => {
    const next = nextOf(await call('GET', '/api/tasks?limit=4', { as }), '/api/tasks')
    for (const beside of ['page=2', 'offset=4']) {
      const { problem } = await call('GET', `${next}&${beside}`, { as })
      expect(problem).toMatchObject({ status: 422, errors: [{ code: 'contradiction' }] })
    }
  })
})

test('the link keeps the query and the family of paths that was called', async () => {
  const as = newUser()
  await createTasks(as, ['a', 'b', 'c'])
  for (const path of ['/api/tasks', `/api/${as}/tasks`, `/api/${as}`]) {
    const query = 'status=all&limit=1&sort=title&mine=a%20%26%20b'
    const answer = await call('GET', `${path}?${query}`, { as })
    const next = new URL(nextOf(answer, path) ?? '', 'http://service')
    expect(next.pathname).toBe(path)
    expect(Object.fromEntries(next.searchParams)).toMatchObject(
      Object.fromEntries(new URLSearchParams(query)),
    )
    expect(next.searchParams.getAll('cursor')).toHaveLength(1)
    const second = await call('GET', next.pathname + next.search, { as })
    expect(second.json<Task[]>().map(({ title }) => title)).toEqual(['b'])
  }
})

test('304 repeats the link of the page, and a page that gets a successor is another answer', async () => {
  const as = newUser()
  const path = '/api/tasks?order=asc&limit=1'
  const readAfter = async (earlier?: CheckedAnswer) => {
    const headers = { 'if-none-match': earlier?.headers.get('etag') ?? '"none"' }
    return await call('GET', path, { as, headers })
  }
  await createTasks(as, ['a'])
  const last = await readAfter()
  await createTasks(as, ['b'])
  const first = await readAfter(last)
  expect([first.status, first.text]).toEqual([200, last.text])
  expect([nextOf(last, path), nextOf(first, path)]).toEqual([undefined, expect.any(String)])
  const again = await readAfter(first)
  expect([again.status, nextOf(again, path)]).toEqual([304, nextOf(first, path)])
})

test('a cursor tells nothing of the task that it stands at, and is good for its list alone, whole', async () => {
  const [as, other] = [newUser(), newUser()]
  const path = '/api/tasks?limit=1'
  const nextFor = async (user: string, query = '') =>
    nextOf(await call('GET', path + query, { as: user }), path) ?? ''
  await createTasks(as, ['a', 'b'])
  const last = await createTask(as, { title: 'private title' })
  await createTasks(other, ['a', 'b'])
  const next = await nextFor(as)
  const cursor = new URL(next, 'http://service').searchParams.get('cursor') ?? ''
  const bytes = Buffer.from(cursor, 'base64url').toString('latin1')
  expect(bytes).not.toContain('private')
  expect(bytes).not.toContain(last.id)

  const flipped = `${cursor.slice(0, 40)}${cursor[40] === 'A' ? 'B' : 'A'}${cursor.slice(41)}`
  const made = ['x', '0', 'null', 'W10', `${cursor}A`, `${cursor}=`, cursor.slice(1), flipped]
  const byTitle = await nextFor(as, '&sort=title&order=desc')
  for (const bad of [
    ...[...made, 'x'.repeat(4000)].map((text) => `${path}&cursor=${text}`),
    await nextFor(other),
    `${next}&sort=title`,
    // The order that it has by itself: the sort alone is another one.
    `${next}&sort=title&order=desc`,
    byTitle.replace('sort=title', 'sort=created'),
    `${next}&order=asc`,
    `${next}&cursor=x`,
  ]) {
    const { problem } = await call('GET', bad, { as })
    const [fault] = problem.errors ?? []
    expect([bad, problem.status, fault?.parameter]).toEqual([bad, 422, 'cursor'])
  }
  expect((await call('GET', next, { as })).status).toBe(200)
})
