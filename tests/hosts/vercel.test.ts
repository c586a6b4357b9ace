import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { usual } from '#tests/support/child'
import { serve } from '#tests/support/serve'
import { testSecret } from '#tests/support/tokens'

test('on Vercel, the function is kept awake until idle connections are closed', async () => {
  const env = { BUILT_ON_VERCEL: '1', VERCEL: '1', VERCEL_URL: 'todo.test', VERCEL_REGION: 'test1' }
  await using service = await serve('node', env)
  // Vercel's own words where a connection is given back and there is no function to keep awake.
  await expect
    .poll(() => service.output())
    .toContain('Pool release event triggered outside of request scope')
})

const url = 'postgres://todo:its-password@127.0.0.1:9/todo'

test.each([
  ['the database is away, without its password', { DATABASE_URL: url }, '127.0.0.1:9'],
  [
    'the secret is none',
    { DATABASE_URL: url, BETTER_AUTH_SECRET: 'short' },
    'AUTH_SECRET is shorter',
  ],
  ['Production has no database', {}, 'DATABASE_URL is not set for Production'],
])('a build on Vercel ends before it replaces what runs, and says where %s', (_, env, says) => {
  const own = { NODE_ENV: 'production' as const, VERCEL: '1', VERCEL_ENV: 'production' }
  const { status, stdout, stderr } = spawnSync('node', ['scripts/build-on-vercel.ts'], {
    env: { ...own, ...usual, BETTER_AUTH_SECRET: testSecret, ...env },
    encoding: 'utf8',
  })
  expect(status).toBe(1)
  expect(stdout).not.toContain('next build')
  expect(stderr).toContain(says)
  expect(stderr).not.toContain('its-password')
})
