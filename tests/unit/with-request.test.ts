import { expect, test, vi } from 'vitest'
import { withRequest } from '#lib/http/with-request'
import { log } from '#lib/log'

test('what is thrown while an error is answered is a 500 of the last resort, on every host', async () => {
  const request = new Request('http://service/health')
  const thrown = new Error('planted')
  vi.spyOn(request.headers, 'get').mockImplementation(() => {
    throw thrown
  })
  const logged = vi.spyOn(log(), 'error').mockImplementation(() => {})
  const answer = withRequest(() => ({ status: 204 }))
  const response = await answer(request, { params: Promise.resolve({}) })
  expect([response.status, response.statusText]).toEqual([500, 'Internal Server Error'])
  expect(await response.json()).toMatchObject({ code: 'internal_error' })
  expect(logged).toHaveBeenCalledWith(expect.objectContaining({ event: 'fault', err: thrown }))
})

test('a URL that Next cannot have parsed is a 400, and nothing throws over it', async () => {
  const request = new Request('http://service/health')
  vi.spyOn(request, 'url', 'get').mockReturnValue('http://1.2.3.4.5/health/.')
  const response = await withRequest(() => ({}))(request, { params: Promise.resolve({}) })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ code: 'malformed_request' })
})
