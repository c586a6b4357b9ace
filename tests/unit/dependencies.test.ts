import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import packageLock from '../../package-lock.json' with { type: 'json' }

interface LockedPackage {
  readonly license?: string
  readonly dev?: boolean
}

const page = readFileSync('docs/adr/0009-dependencies.md', 'utf8')
/** Each line of the lists has the packages, their licence and what they are for. */
const rows = Array.from(
  page.matchAll(/^- (`[^(]+`) \(([^)]+)\): \S/gm),
  ([, names = '', licence = '']) =>
    Array.from(names.matchAll(/`([^`]+)`/g), ([, name = '']) => ({ name, licence })),
).flat()
const { dependencies, devDependencies } = packageJson

test('every dependency is listed with what it is for, and no other is', () => {
  const declared = [...Object.keys(dependencies), ...Object.keys(devDependencies)]
  expect(rows.map(({ name }) => name).sort()).toEqual(declared.sort())
})

test('the licence of every dependency is the one that is listed', () => {
  for (const { name, licence } of rows) {
    const manifest = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'))
    expect(`${name}: ${licence}`).toBe(`${name}: ${manifest.license}`)
  }
})

test('what production brings along is under the licences that are named', () => {
  const named = /^What these bring along[^,]*(?:, `[^`]+`)* or `[^`]+`/m.exec(page)?.[0] ?? ''
  const allowed = Array.from(named.matchAll(/`([^`]+)`/g), ([, licence]) => licence)
  expect(allowed).toHaveLength(5)
  const installed = Object.entries(packageLock.packages as Record<string, LockedPackage>).filter(
    ([path, { dev }]) => path !== '' && dev !== true,
  )
  expect(installed.length).toBeGreaterThan(50)
  const others = installed.filter(([, { license }]) => !allowed.includes(license))
  const folders = others.map(([path]) => path.replace(/^node_modules\/(@?[\w-]+).*$/, '$1'))
  expect([...new Set(folders)].sort()).toEqual(['@img', 'caniuse-lite'])
})
