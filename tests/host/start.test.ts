import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { buildNext } from '#tests/support/build'
import { type Host, launch, type Service, startService } from '#tests/support/service'
import { newUser, tokenFor } from '#tests/support/tokens'

const folder = mkdtempSync(join(tmpdir(), 'todo-'))
const running: Service[] = []

beforeAll(() => buildNext())
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
  test.each([
    ['BETTER_AUTH_SECRET', ''],
    ['DATABASE_URL', ''],
    ['BETTER_AUTH_SECRET', 'too short'],
  ])('does not start with %s="%s", says why, and exits with 1', async (name, value) => {
    const service = launch(host, { PORT: '0', DATABASE_URL: 'pglite://', [name]: value })
    expect(await service.ended).toBe(1)
    expect(service.output()).toContain(`${name} is `)
    expect(service.output()).toMatch(/Set it to/)
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

    const third = launch(host, { PORT: '0', ...env })
    expect(await third.ended).toBe(1)
    expect(third.output()).toContain('is open in process')
  })

  test('writes one line of JSON for each request, without a token or a body', async () => {
    const service = await start(host, { DATABASE_URL: 'pglite://', LOG_LEVEL: 'info' })
    const user = newUser()
    const token = await tokenFor(user)
    const send = (path: string, init: RequestInit = {}) =>
      fetch(service.url + path, {
        ...init,
        headers: {
          authorization: `Bearer ${token}`,
          cookie: 'session=cookie-words',
          'content-type': 'application/json',
        },
      })
    const body = JSON.stringify({ title: 'private words' })
    const { id } = await (await send('/api/tasks', { method: 'POST', body })).json()
    await send(`/api/${user}/tasks/${id}`)
    await send('/api/somebody-else/tasks')
    await fetch(`${service.url}/api/tasks`, { headers: { authorization: 'Bearer forged.words' } })
    await service.stop()

    const lines = service.output().split('\n').flatMap(toEvent)
    const requests = lines.filter(({ event }) => event === 'request')
    expect(requests.filter(({ route }) => route !== '/health')).toEqual([
      expect.objectContaining({ method: 'POST', route: '/api/tasks', status: 201, userId: user }),
      expect.objectContaining({ method: 'GET', route: '/api/{userId}/tasks/{id}', status: 200 }),
      expect.objectContaining({ route: '/api/{userId}/tasks', status: 403, userId: user }),
      expect.objectContaining({ route: '/api/tasks', status: 401 }),
    ])
    for (const request of requests) {
      expect(request).toMatchObject({
        requestId: expect.any(String),
        durationMs: expect.any(Number),
      })
    }
    expect(lines.filter(({ event }) => event === 'refused')).toEqual([
      expect.objectContaining({ level: 'warn', code: 'other_user', userId: user }),
      expect.objectContaining({ level: 'warn', code: 'token_invalid' }),
    ])
    for (const secret of [token, 'private words', 'cookie-words', 'forged.words']) {
      expect(service.output()).not.toContain(secret)
    }
  })

  test('says no_key_set in the log where BETTER_AUTH_URL is not set', async () => {
    const service = await start(host, { DATABASE_URL: 'pglite://', BETTER_AUTH_URL: '' })
    expect(service.output()).toContain('no_key_set')
  })
})

/** Next prints lines of its own between those of the log. */
function toEvent(line: string): Record<string, unknown>[] {
  return line.startsWith('{') ? [JSON.parse(line)] : []
}
