import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { untilSomebodyWaits, whileTasksAreLocked } from '#tests/support/locked-tasks'
import { logLines } from '#tests/support/log-lines'
import { send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import type { Service } from '#tests/support/service'
import { newUser } from '#tests/support/tokens'

const planting = { NODE_OPTIONS: `--import ${resolve('tests/door/planted-faults.ts')}` }

/** A line may come after its answer, and in pieces. */
const faultsOf = (service: Service) =>
  logLines(service.output()).filter(({ event }) => event === 'fault')

test.each([
  ['read', 'headers'],
  ['answered', 'origin'],
])(
  'a request that cannot even be %s is a 500 of the last resort, and the process lives, whoever watches',
  async (_, planted) => {
    const METRICS_TOKEN = 'a-token-for-metrics'
    const env = { METRICS_TOKEN, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }
    await using service = await serve('node', { ...planting, ...env })
    const response = await fetch(`${service.url}/api/tasks`, { headers: { 'x-planted': planted } })
    expect([response.status, response.statusText]).toEqual([500, 'Internal Server Error'])
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    const { code, instance }: Record<string, string> = await response.json()
    expect(code).toBe('internal_error')
    expect(response.headers.get('x-request-id')).toBe(instance)
    const fault = { requestId: instance, err: { message: `planted: ${planted} cannot be read` } }
    await expect.poll(() => faultsOf(service)).toMatchObject([fault])
    const ready = await send(service.url, 'GET', '/health/ready')
    expect(ready.status, service.output()).toBe(200)
  },
)

test.each(['exception', 'rejection'])(
  'an %s that nothing catches is logged, lets requests under way finish, and ends with 1',
  async (kind) => {
    const env = { DATABASE_TIMEOUT_MS: '30000', PLANTED: kind, ...planting }
    await using service = await serve('node', env)
    const user = newUser()
    expect((await send(service.url, 'GET', '/api/tasks', user)).status).toBe(200)
    await whileTasksAreLocked(service.databaseUrl, async (release) => {
      const underWay = send(service.url, 'GET', '/api/tasks', user)
      await untilSomebodyWaits(service.databaseUrl)
      service.process.kill('SIGUSR2')
      await expect.poll(() => faultsOf(service)).not.toEqual([])
      await release()
      expect((await underWay).status).toBe(200)
    })
    expect(await service.ended).toBe(1)
    expect(faultsOf(service)).toMatchObject([{ level: 'error' }])
  },
)
