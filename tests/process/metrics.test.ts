import { expect, test } from 'vitest'
import { withRequest } from '#lib/http/with-request'
import { readMetrics, startMetrics } from '#lib/observability/metrics'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

test('each method that a path can have is counted by its name, and any other word as one', async () => {
  startMetrics(() => undefined)
  const handler = withRequest(() => ({}))
  for (const method of [...methods, 'BREW', 'PROPFIND', 'GETX', 'XGET']) {
    const request = new Request('http://service/api/tasks', { method })
    await handler(request, { params: Promise.resolve({}) })
  }
  const counted = [
    ...(await readMetrics()).matchAll(/^http_requests_total\{method="(\w+)".*\} (\d+)$/gm),
  ]
  expect(counted.map(([, method, count]) => `${method} ${count}`)).toEqual([
    ...methods.map((method) => `${method} 1`),
    '_OTHER 4',
  ])
})
