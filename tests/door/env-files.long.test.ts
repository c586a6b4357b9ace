import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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
let port: number

beforeAll(async () => {
  for (const part of ['node_modules', 'package.json']) {
    symlinkSync(resolve(part), join(folder, part))
  }
  port = await freePort()
  const shared = [
    `DATABASE_URL=${server.url(await createDatabase(server))}`,
    `BETTER_AUTH_SECRET=${testSecret}`,
    `PORT=${port}`,
    'LIST_ENVELOPE=tasks',
    'RATE_LIMIT=77/60',
    'LOG_LEVEL=info',
  ]
  writeFileSync(join(folder, '.env'), shared.join('\n'))
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
    let response = await fetch(url, { headers }).catch(() => undefined)
    for (let waited = 0; waited < 20_000 && response === undefined; waited += 50) {
      await sleep(50)
      if (service.process.exitCode !== null) break
      response = await fetch(url, { headers }).catch(() => undefined)
    }
    expect(response?.status, service.output()).toBe(200)
    expect(await response?.json()).toEqual({ items: [], count: 0, total: 0 })
    expect(response?.headers.get('ratelimit-policy')).toBe('"user";q=77;w=60')
    expect(service.output()).not.toContain('"event":"request"')
  } finally {
    await service.stop('SIGKILL')
  }
})
