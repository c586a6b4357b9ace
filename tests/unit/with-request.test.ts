import { expect, test, vi } from 'vitest'
import { withRequest } from '#lib/http/with-request'

test('a URL that Next cannot have parsed is a 400, and nothing throws over it', async () => {
  const request = new Request('http://service/health')
  vi.spyOn(request, 'url', 'get').mockReturnValue('http://1.2.3.4.5/health/.')
  const response = await withRequest(() => ({}))(request, { params: Promise.resolve({}) })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ code: 'malformed_request' })
})
