import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }

const page = readFileSync('docs/adr/0009-dependencies.md', 'utf8')
const rows = [...page.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm)]
const { dependencies, devDependencies } = packageJson

test('every dependency is listed with what it is for, and no other is', () => {
  const declared = [...Object.keys(dependencies), ...Object.keys(devDependencies)]
  expect(rows.map(([, name]) => name).sort()).toEqual(declared.sort())
})

test('the licence of every dependency is the one that is listed', () => {
  for (const [, name, licence] of rows) {
    const manifest = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'))
    expect(`${name}: ${licence}`).toBe(`${name}: ${manifest.license}`)
  }
})
