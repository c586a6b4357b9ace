import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { guideVariants, writeGuide } from '#tests/support/guide'
import { createDatabase, postgresAt, runSql } from '#tests/support/postgres'
import { testSecret } from '#tests/support/secret'

const postgres = postgresAt(inject('postgresPort'))

test.each(guideVariants)('the code of the guide compiles as it is printed: %s', (variant) => {
  const folder = writeGuide(variant, 'guide-types')
  const compiler = ['node_modules/typescript/bin/tsc', '-p', folder, '--listFiles']
  const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: 'utf8' })
  const own = stdout.split('\n').filter((line) => line.startsWith(folder))
  expect(own, stdout).toHaveLength(7)
  expect(status, stdout).toBe(0)
})

test('Node alone runs the migration of the guide, in a folder as create-next-app makes it', async () => {
  const folder = writeGuide('', 'guide-migration')
  const url = postgres.url(await createDatabase(postgres))
  writeFileSync(join(folder, 'package.json'), '{}')
  writeFileSync(
    join(folder, '.env.local'),
    `DATABASE_URL=${url}\nBETTER_AUTH_SECRET=${testSecret}\nBETTER_AUTH_URL=http://localhost:3000\n`,
  )
  const guide = readFileSync('docs/frontend.md', 'utf8')
  const [, command = ''] = /`node (--env-file=\S+ scripts\/\S+)`/.exec(guide) ?? []
  const { PATH = '' } = process.env
  const env = { PATH, NODE_ENV: 'production' } as const
  const options = { cwd: folder, encoding: 'utf8', env } as const
  const { status, stderr } = spawnSync(process.execPath, command.split(' '), options)
  expect(status, stderr).toBe(0)
  const tables = `select to_regclass('session')::text as session, to_regclass('jwks')::text as jwks`
  expect(await runSql(url, tables)).toEqual([{ session: 'session', jwks: 'jwks' }])
})

test('the guide imports nothing that better-auth 1.4 and 1.7 keep in different places', () => {
  const imported = readFileSync('docs/frontend.md', 'utf8').matchAll(/from '(better-auth[^']*)'/g)
  const inBoth = [
    ...['better-auth', 'better-auth/client/plugins', 'better-auth/next-js'],
    ...['better-auth/plugins', 'better-auth/react'],
  ]
  const names = Array.from(imported, ([, name]) => name)
  expect([...new Set(names)].sort()).toEqual(inBoth)
})

test('each setting that the beginning of the guide names for a kind of frontend exists', () => {
  const guide = readFileSync('docs/frontend.md', 'utf8')
  const [, beginning = ''] = /^## Three questions[^\n]*\n(.*?)^## /ms.exec(guide) ?? []
  const named = Array.from(beginning.matchAll(/`([A-Z_]+)=[^`]/g), ([, name]) => name)
  const example = readFileSync('.env.example', 'utf8')
  const known = Array.from(example.matchAll(/^([A-Z_]+)=/gm), ([, name]) => name)
  expect(named.length).toBeGreaterThan(6)
  expect(known).toEqual(expect.arrayContaining(named))
})
