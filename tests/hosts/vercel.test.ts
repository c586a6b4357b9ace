import { spawnSync } from 'node:child_process'
import { describe, expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { startService } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

test('on Vercel, the function is kept awake until idle connections are closed', async () => {
  const server = postgresAt(inject('postgresPort'))
  const service = await startService('node', {
    DATABASE_URL: server.url(await createDatabase(server)),
    VERCEL: '1',
    VERCEL_URL: 'todo.test',
    VERCEL_REGION: 'test1',
  })
  await service.stop('SIGKILL')
  // Vercel's own words where a connection is given back and there is no function to keep awake.
  await expect
    .poll(() => service.output())
    .toContain('Pool release event triggered outside of request scope')
})

describe('a build on Vercel ends before it replaces what runs', () => {
  function build(env: Record<string, string>) {
    const { PATH = '', HOME = '' } = process.env
    const { status, stdout, stderr } = spawnSync('node', ['scripts/build-on-vercel.ts'], {
      env: { NODE_ENV: 'production', PATH, HOME, VERCEL: '1', VERCEL_ENV: 'production', ...env },
      encoding: 'utf8',
    })
    return { status, said: stderr.trim(), hasBuilt: stdout.includes('next build') }
  }

  test('where the database is away, and says so without its password', () => {
    const url = 'postgres://todo:its-password@127.0.0.1:9/todo'
    const { status, said, hasBuilt } = build({
      DATABASE_URL: url,
      BETTER_AUTH_SECRET: testSecret,
    })
    expect({ status, hasBuilt }).toEqual({ status: 1, hasBuilt: false })
    expect(said).toContain('127.0.0.1:9')
    expect(said).not.toContain('its-password')
  })

  test('where the secret is none', () => {
    const { status, said, hasBuilt } = build({
      DATABASE_URL: 'postgres://127.0.0.1:9/todo',
      BETTER_AUTH_SECRET: 'short',
    })
    expect({ status, hasBuilt }).toEqual({ status: 1, hasBuilt: false })
    expect(said).toContain('BETTER_AUTH_SECRET is shorter')
  })

  test('where Production has no database', () => {
    const { status, said, hasBuilt } = build({})
    expect({ status, hasBuilt }).toEqual({ status: 1, hasBuilt: false })
    expect(said).toContain('DATABASE_URL is not set for Production')
  })
})
