import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test, vi } from 'vitest'

test('what listens on the port and never answers is not waited for longer than five seconds', async () => {
  const silent = createServer(() => {}).listen(0)
  await once(silent, 'listening')
  vi.stubEnv('PORT', String((silent.address() as AddressInfo).port))
  const { checkOrigin } = await import('#tools/doctor/running-service')
  const startedAt = performance.now()
  const check = await checkOrigin('http://localhost:3000')
  expect(check).toMatchObject({ ok: true, found: expect.stringContaining('does not run') })
  // A fetch by itself would wait for five minutes.
  expect(performance.now() - startedAt).toBeLessThan(20_000)
  silent.close()
})
