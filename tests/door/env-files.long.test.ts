import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { newDatabase } from '#tests/support/databases'
import { runScript } from '#tests/support/script'
import { freePort, launch } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

test('the service reads .env, before it .env.local, and before both the shell', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'todo-'))
  for (const part of ['node_modules', 'package.json']) {
    symlinkSync(resolve(part), join(folder, part))
  }
  const port = await freePort()
  const settings = [
    `DATABASE_URL=${(await newDatabase()).url}`,
    `BETTER_AUTH_SECRET=${testSecret}`,
    `PORT=${port}`,
    'LIST_ENVELOPE=tasks',
    'RATE_LIMIT=77/60',
    'LOG_LEVEL=info',
  ]
  writeFileSync(join(folder, '.env'), settings.join('\n'))
  writeFileSync(join(folder, '.env.local'), 'LIST_ENVELOPE=items\n')

  const none = { BETTER_AUTH_SECRET: undefined, BETTER_AUTH_URL: undefined, RATE_LIMIT: undefined }
  await using service = launch('node', { ...none, LOG_LEVEL: 'error' }, folder)
  const { stdout: token } = await runScript('token', {}, ['--user', 'anna'], folder)
  const migrated = await runScript('db:migrate', {}, [], folder)
  expect(migrated.stdout).toContain('isolation holds')
  const headers = { authorization: `Bearer ${token.trim()}` }
  const ask = () => fetch(`http://127.0.0.1:${port}/api/tasks`, { headers })
  await expect.poll(() => ask().catch(() => undefined)).toBeDefined()
  const response = await ask()
  expect(response.status, service.output()).toBe(200)
  expect(await response.json()).toEqual({ items: [], count: 0, total: 0 })
  expect(response.headers.get('ratelimit-policy')).toBe('"user";q=77;w=60')
  expect(service.output()).not.toContain('"event":"request"')
  rmSync(folder, { recursive: true })
})
