import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { runScript } from '#tests/support/script'
import { freePort, launch } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

const server = postgresAt(inject('postgresPort'))
const folder = mkdtempSync(join(tmpdir(), 'todo-'))
const fromShell = {
  BETTER_AUTH_SECRET: undefined,
  BETTER_AUTH_URL: undefined,
  RATE_LIMIT: undefined,
  LOG_LEVEL: 'error',
}
const port = await freePort()

beforeAll(async () => {
  for (const part of ['node_modules', 'package.json']) {
    symlinkSync(resolve(part), join(folder, part))
  }
  const settings = [
    `DATABASE_URL=${server.url(await createDatabase(server))}`,
    `BETTER_AUTH_SECRET=${testSecret}`,
    `PORT=${port}`,
    'LIST_ENVELOPE=tasks',
    'RATE_LIMIT=77/60',
    'LOG_LEVEL=info',
  ]
  writeFileSync(join(folder, '.env'), settings.join('\n'))
  writeFileSync(join(folder, '.env.local'), 'LIST_ENVELOPE=items\n')
})
afterAll(() => rmSync(folder, { recursive: true }))

test('the service reads .env, before it .env.local, and before both the shell', async () => {
  const service = launch('node', fromShell, folder)
  try {
    const { stdout: token } = await runScript('token', {}, ['--user', 'anna'], folder)
    const migrated = await runScript('db:migrate', {}, [], folder)
    expect(migrated.stdout).toContain('isolation holds')
    const headers = { authorization: `Bearer ${token.trim()}` }
    const url = `http://127.0.0.1:${port}/api/tasks`
    const ask = () => fetch(url, { headers })
    await expect.poll(() => ask().catch(() => undefined), { timeout: 20_000 }).toBeDefined()
    const response = await ask()
    expect(response.status, service.output()).toBe(200)
    expect(await response.json()).toEqual({ items: [], count: 0, total: 0 })
    expect(response.headers.get('ratelimit-policy')).toBe('"user";q=77;w=60')
    expect(service.output()).not.toContain('"event":"request"')
  } finally {
    await service.stop('SIGKILL')
  }
})
