import { expect, test, vi } from 'vitest'
import * as z from 'zod'
import { jsonBody } from '#lib/http/inputs'
import { withRequest } from '#lib/http/with-request'
import { left } from '#tests/unit/garbage'

test('a URL that Next cannot have parsed is a 400, and nothing throws over it', async () => {
  const request = new Request('http://service/health')
  vi.spyOn(request, 'url', 'get').mockReturnValue('http://1.2.3.4.5/health/.')
  const response = await withRequest(() => ({}))(request, { params: Promise.resolve({}) })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ code: 'malformed_request' })
})

test.each([
  [
    'that comes byte by byte is kept in few pieces, each of which costs much more than a byte',
    1,
    1000,
    100,
  ],
  [
    'that is too large is not kept while its rest arrives, but for the latest piece',
    60 * 1024,
    3,
    2,
  ],
])('a body %s', async (_, pieceBytes, count, fewer) => {
  const pieces: WeakRef<Uint8Array>[] = []
  // It never ends: its reader waits for more.
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pieces.length === count) return
      const piece = new Uint8Array(pieceBytes).fill(0x20)
      pieces.push(new WeakRef(piece))
      controller.enqueue(piece)
    },
  })
  const url = new URL('http://service/api/tasks')
  const init = { method: 'POST', body, duplex: 'half' }
  const [request, caller] = [new Request(url, init), { userId: 'alice' }]
  const reading = jsonBody('Body', z.object(), {}).read({ request, url, params: {}, caller })
  await expect.poll(() => pieces).toHaveLength(count)
  await expect.poll(() => left(pieces)).toBeLessThan(fewer)
  expect(reading).toBeInstanceOf(Promise)
})
