import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { guideVariants, writeGuide } from '#tests/support/guide'

test.each(guideVariants)('the code of the guide compiles as it is printed: %s', (variant) => {
  const folder = writeGuide(variant, 'guide-types')
  const compiler = ['node_modules/typescript/bin/tsc', '-p', folder, '--listFiles']
  const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: 'utf8' })
  const own = stdout.split('\n').filter((line) => line.startsWith(folder))
  expect(own, stdout).toHaveLength(8)
  expect(status, stdout).toBe(0)
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
