import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { exampleOfEveryWay } from '#tests/frontend/frontend'

const guide = readFileSync('docs/frontend.md', 'utf8')

test('the example compiles, with the rewrite and every way of the guide to get a token', () => {
  const folder = exampleOfEveryWay()
  const compiler = ['node_modules/typescript/bin/tsc', '-p', folder, '--listFiles']
  const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: 'utf8' })
  expect(status, stdout).toBe(0)
  const changed = ['lib/auth-shared.ts', 'lib/api-0.ts', 'lib/token-1.ts', 'app/api/token/route.ts']
  for (const path of [
    'app/page.tsx',
    'lib/auth.ts',
    'lib/token.ts',
    'next.config.ts',
    ...changed,
  ]) {
    expect(stdout).toContain(`${folder}/${path}`)
  }
})

test('the example and the guide import nothing that better-auth 1.4 and 1.7 keep in different places', () => {
  const files = globSync('examples/frontend/{app,lib}/**/*.{ts,tsx}')
  const sources = [guide, ...files.map((file) => readFileSync(file, 'utf8'))].join('\n')
  const inBoth = [
    ...['better-auth', 'better-auth/client/plugins', 'better-auth/next-js'],
    ...['better-auth/plugins', 'better-auth/react'],
  ]
  const names = Array.from(sources.matchAll(/from '(better-auth[^']*)'/g), ([, name]) => name)
  expect([...new Set(names)].sort()).toEqual(inBoth)
})

test('each setting that the beginning of the guide names for a kind of frontend exists', () => {
  const [, beginning = ''] = /^## Three questions[^\n]*\n(.*?)^## /ms.exec(guide) ?? []
  const named = Array.from(beginning.matchAll(/`([A-Z_]+)=[^`]/g), ([, name]) => name)
  const example = readFileSync('.env.example', 'utf8')
  const known = Array.from(example.matchAll(/^([A-Z_]+)=/gm), ([, name]) => name)
  expect(named.length).toBeGreaterThan(6)
  expect(known).toEqual(expect.arrayContaining(named))
})
