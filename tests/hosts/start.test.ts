import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { endOf, type Host, launch, type Service, startService } from '#tests/support/service'
import { folderOf } from '#tests/support/shared'
import { newUser, tokenFor } from '#tests/support/tokens'

const folder = mkdtempSync(join(tmpdir(), 'todo-'))
const running: Service[] = []

afterEach(async () => {
  for (const service of running.splice(0)) await service.stop('SIGKILL')
})
afterAll(() => rmSync(folder, { recursive: true }))

async function start(host: Host, env: Record<string, string>): Promise<Service> {
  const service = await startService(host, env)
  running.push(service)
  return service
}

describe.each(['next', 'node'] as const)('on the %s host, the service', (host) => {
  test('does not start without what it needs, says what to set, and exits with 1', async () => {
    const env = { PORT: '0', DATABASE_URL: '', BETTER_AUTH_SECRET: 'too short' }
    const service = launch(host, env, await folderOf(host))
    expect(await endOf(service)).toBe(1)
    for (const name of ['DATABASE_URL', 'BETTER_AUTH_SECRET']) {
      expect(service.output()).toMatch(new RegExp(`^${name} is .*Set it to`, 'm'))
    }
  })

  test('keeps its tasks in the folder of pglite://<folder> over a restart', async () => {
    const env = { DATABASE_URL: `pglite://${join(folder, host)}` }
    const headers = {
      authorization: `Bearer ${await tokenFor(newUser())}`,
      'content-type': 'application/json',
    }
    const first = await start(host, env)
    const body = JSON.stringify({ title: 'outlives the process' })
    const created = await fetch(`${first.url}/api/tasks`, { method: 'POST', headers, body })
    expect(created.status).toBe(201)
    await first.stop()

    const second = await start(host, env)
    const listed = await fetch(`${second.url}/api/tasks`, { headers })
    expect(await listed.json()).toEqual([await created.json()])

    const third = launch(host, { PORT: '0', ...env }, await folderOf(host))
    expect(await endOf(third)).toBe(1)
    expect(third.output()).toContain('is open in process')
  })
})
