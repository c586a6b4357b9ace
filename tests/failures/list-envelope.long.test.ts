import { expect, inject, test } from 'vitest'
import { host } from '#tests/failures/world'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))

for (const envelope of ['tasks', 'items']) {
  test(`LIST_ENVELOPE=${envelope} wraps the list, with the count of this page and of all`, async () => {
    const url = server.url(await createDatabase(server))
    const env = { DATABASE_URL: url, LIST_ENVELOPE: envelope }
    await using service = await startService(host, env)
    const as = newUser()
    const headers = {
      authorization: `Bearer ${await tokenFor(as)}`,
      'content-type': 'application/json',
    }
    const list = `${service.url}/api/tasks`
    for (const title of ['a', 'b', 'c']) {
      const body = JSON.stringify({ title, completed: title === 'a' })
      await fetch(list, { method: 'POST', headers, body })
    }
    const read = async (query: string) => await (await fetch(list + query, { headers })).json()

    const first = await fetch(`${list}?limit=2`, { headers })
    const wrapped = await first.json()
    expect(Object.keys(wrapped)).toEqual([envelope, 'count', 'total'])
    expect(wrapped).toMatchObject({
      [envelope]: [{ title: 'c' }, { title: 'b' }],
      count: 2,
      total: 3,
    })
    expect(await read('?completed=true')).toMatchObject({ count: 1, total: 1 })
    expect(await read('?status=pending&limit=1')).toMatchObject({ count: 1, total: 2 })

    const next = /<(.*)>/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
    const second = await fetch(new URL(next, list), { headers })
    expect(await second.json()).toMatchObject({ [envelope]: [{ title: 'a' }], count: 1, total: 3 })

    const etag = first.headers.get('etag') ?? ''
    const known = { ...headers, 'if-none-match': etag }
    expect((await fetch(`${list}?limit=2`, { headers: known })).status).toBe(304)
    await fetch(list, { method: 'POST', headers, body: '{"title":"older pages count too"}' })
    expect((await fetch(`${list}?limit=2`, { headers: known })).status).toBe(200)

    // Only the total tells that a task of another page is gone: this one and its link are as before.
    const full = await fetch(`${list}?limit=2`, { headers })
    const page = await full.json()
    const oldest = (await read('?order=asc&limit=1'))[envelope][0]
    await fetch(`${list}/${oldest.id}`, { method: 'DELETE', headers })
    const tag = { ...headers, 'if-none-match': full.headers.get('etag') ?? '' }
    const shrunk = await fetch(`${list}?limit=2`, { headers: tag })
    expect(shrunk.status).toBe(200)
    expect(await shrunk.json()).toEqual({ ...page, total: page.total - 1 })
    expect(shrunk.headers.get('link')).toBe(full.headers.get('link'))
  })
}
