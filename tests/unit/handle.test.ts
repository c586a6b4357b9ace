import { expect, test, vi } from 'vitest'
import { log } from '#lib/log'
import { handle } from '#server/handle'

test('what is thrown outside of every handler is a 500 that is logged, and not the end', async () => {
  const request = new Request('http://service/health')
  const thrown = new Error('planted')
  vi.spyOn(request, 'url', 'get').mockImplementationOnce(() => {
    throw thrown
  })
  const logged = vi.spyOn(log(), 'error').mockImplementation(() => {})
  const response = await handle(request)
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ code: 'internal_error' })
  expect(logged).toHaveBeenCalledWith(expect.objectContaining({ event: 'fault', err: thrown }))
})
