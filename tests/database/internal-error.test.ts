import { afterEach, beforeAll, expect, inject, test } from 'vitest'
import { buildNext } from '#tests/support/build'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
let service: Service | undefined

beforeAll(() => buildNext(), 180_000)
afterEach(() => service?.stop())

test.each(['next', 'node'] as const)(
  'on the %s host, a mistake of ours is a 500 that a page can read, and says its cause in the log alone',
  async (host) => {
    const url = server.url(await createDatabase(server))
    service = await startService(host, { DATABASE_URL: url })
    await runSql(url, 'alter table tasks rename to somewhere_else')
    const user = newUser()
    const response = await fetch(`${service.url}/api/tasks`, {
      headers: { authorization: `Bearer ${await tokenFor(user)}`, origin: 'http://localhost:3000' },
    })
    expect(response.status).toBe(500)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ status: 500, code: 'internal_error' })
    expect(text).not.toMatch(/42P01|relation|tasks/)
    const requestId = response.headers.get('x-request-id')
    const output = service.output
    await expect
      .poll(() => faultIn(output()))
      .toMatchObject({
        level: 'error',
        requestId,
        code: 'internal_error',
        err: { cause: { code: '42P01' } },
      })
    expect((await fetch(`${service.url}/health/ready`)).status).not.toBe(200)
  },
)

/** The line of the log, which may come after the answer. */
function faultIn(printed: string): unknown {
  const line = printed.split('\n').find((each) => each.includes('"event":"fault"'))
  return line === undefined ? undefined : JSON.parse(line)
}
