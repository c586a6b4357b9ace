import { resolve } from 'node:path'
import { expect, inject, test } from 'vitest'
import { untilSomebodyWaits, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { logLines } from '#tests/support/log-lines'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { send } from '#tests/support/send'
import { type Service, startService } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const planting = { NODE_OPTIONS: `--import ${resolve('tests/door/planted-faults.ts')}` }

/** A line may come after its answer, and in pieces. */
const faultsOf = (service: Service) =>
  logLines(service.output()).filter(({ event }) => event === 'fault')

test('a request that cannot even be read is a 500 of the last resort, and the process lives', async () => {
  const url = server.url(await createDatabase(server))
  await using service = await startService('node', { DATABASE_URL: url, ...planting })
  const response = await fetch(`${service.url}/api/tasks`, { headers: { 'x-planted': 'yes' } })
  expect([response.status, response.statusText]).toEqual([500, 'Internal Server Error'])
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  const { code, instance }: Record<string, string> = await response.json()
  expect(code).toBe('internal_error')
  expect(response.headers.get('x-request-id')).toBe(instance)
  const fault = { requestId: instance, err: { message: 'planted: the headers cannot be read' } }
  await expect.poll(() => faultsOf(service)).toMatchObject([fault])
  expect((await send(service.url, 'GET', '/api/tasks', newUser())).status).toBe(200)
})

test.each(['exception', 'rejection'])(
  'an %s that nothing catches is logged, lets requests under way finish, and ends with 1',
  async (kind) => {
    const url = server.url(await createDatabase(server))
    const env = { DATABASE_URL: url, DATABASE_TIMEOUT_MS: '30000', PLANTED: kind, ...planting }
    await using service = await startService('node', env)
    const user = newUser()
    expect((await send(service.url, 'GET', '/api/tasks', user)).status).toBe(200)
    await whileTasksAreLocked(url, async (release) => {
      const underWay = send(service.url, 'GET', '/api/tasks', user)
      await untilSomebodyWaits(url)
      service.process.kill('SIGUSR2')
      await expect.poll(() => faultsOf(service)).not.toEqual([])
      await release()
      expect((await underWay).status).toBe(200)
    })
    expect(await service.ended).toBe(1)
    expect(faultsOf(service)).toMatchObject([{ level: 'error' }])
  },
)
