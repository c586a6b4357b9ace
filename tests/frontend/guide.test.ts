import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { matchesGlob, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { createdExample, rewritingExample, sharedExample } from '#tests/frontend/frontend'
import { usual } from '#tests/support/child'
import { openReady } from '#tests/support/databases'

test.each([
  ['its rewrite', () => rewritingExample('http://localhost:8000', 'types')],
  ['a route for tokens', () => sharedExample(0, 'types-0')],
  ['the session cookie', () => sharedExample(1, 'types-1')],
])('the example compiles as the guide changes it for %s', (_, make) => {
  const folder = make()
  const compiler = ['node_modules/typescript/bin/tsc', '-p', folder, '--listFiles']
  const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: 'utf8' })
  expect(status, stdout).toBe(0)
  for (const path of ['app/page.tsx', 'lib/auth.ts', 'lib/token.ts', 'next.config.ts']) {
    expect(stdout).toContain(`${folder}/${path}`)
  }
})

test('the example can be built in an app that create-next-app made', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [resolve('node_modules/next/dist/bin/next'), 'build'],
    {
      cwd: createdExample('created'),
      env: { ...usual, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
      encoding: 'utf8',
    },
  )
  expect(status, stdout + stderr).toBe(0)
  expect(stdout).toContain('Cache Components enabled')
})

test('the example and the guide import nothing that better-auth 1.4 and 1.7 keep in different places', () => {
  const files = ['docs/frontend.md', ...globSync('examples/frontend/{app,lib}/**/*.{ts,tsx}')]
  const sources = files.map((file) => readFileSync(file, 'utf8')).join('\n')
  const names = Array.from(sources.matchAll(/from '(better-auth[^']*)'/g), ([, name]) => name)
  const inBoth = ['', '/client/plugins', '/next-js', '/plugins', '/react']
  expect([...new Set(names)].sort()).toEqual(inBoth.map((path) => `better-auth${path}`))
})

test('with the filter of the guide, drizzle-kit drops no table of the service, unless it keeps the users', async () => {
  const [, list = '[]'] =
    /tablesFilter: (\[.*?\])/.exec(readFileSync('docs/frontend.md', 'utf8')) ?? []
  const filter: string[] = JSON.parse(list)
  const { asAdministrator } = await openReady('pglite')
  const made = await asAdministrator(`select relname::text as name from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace`)
  const names = made.map(({ name }) => String(name))
  const isLeft = (name: string) => filter.some((each) => matchesGlob(name, each.replace('!', '')))
  expect(names.filter((name) => !isLeft(name))).toEqual(['users'])
})
