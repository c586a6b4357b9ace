import { expect, test, vi } from 'vitest'

test('a database that fails to open while it is closed does not fail the end of the service', async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://todo@127.0.0.1:9/todo')
  vi.stubEnv('DATABASE_TIMEOUT_MS', '100')
  const { closeDatabase, database } = await import('#lib/service/database')
  const opening = expect(database()).rejects.toThrow('the database did not answer')
  await expect(closeDatabase()).resolves.toBeUndefined()
  await opening
})
