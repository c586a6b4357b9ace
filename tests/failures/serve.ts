import { afterAll, beforeAll, inject } from 'vitest'
import { host } from '#tests/failures/world'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'

/** A service of this project's host on a database of its own, while the tests of a file run. */
export function serve(env: Record<string, string>) {
  const server = postgresAt(inject('postgresPort'))
  const served = { url: '', direct: '' }
  let service: Service | undefined
  beforeAll(async () => {
    served.direct = server.url(await createDatabase(server))
    service = await startService(host, { DATABASE_URL: served.direct, ...env })
    served.url = service.url
  })
  afterAll(async () => {
    await service?.stop('SIGKILL')
  })
  return served
}
