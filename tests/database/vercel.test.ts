import { expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { startService } from '#tests/support/service'

test('on Vercel, the function is kept awake until idle connections are closed', async () => {
  const server = postgresAt(inject('postgresPort'))
  const service = await startService('node', {
    DATABASE_URL: server.url(await createDatabase(server)),
    VERCEL: '1',
    VERCEL_URL: 'todo.test',
    VERCEL_REGION: 'test1',
  })
  await service.stop()
  // Vercel's own words where a connection is given back and there is no function to keep awake.
  expect(service.output()).toContain('Pool release event triggered outside of request scope')
})
