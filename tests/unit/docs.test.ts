import { existsSync, globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import example from '../../examples/frontend/package.json' with { type: 'json' }
import packageJson from '../../package.json' with { type: 'json' }

const pages = ['README.md', ...globSync('{docs,bench}/**/*.md')].filter(existsSync)
const read = (path: string) => readFileSync(path, 'utf8')

/** What stands in backquotes in the first cells of tables. */
function firstCells(text: string): string[] {
  const cells = Array.from(text.matchAll(/^\|([^|]*)\|/gm), ([, cell = '']) => cell)
  return cells.flatMap((cell) => Array.from(cell.matchAll(/`(\w+)`/g), ([, name = '']) => name))
}

test('every npm script that a page names exists', () => {
  const named = pages.flatMap((path) =>
    Array.from(
      read(path).matchAll(/npm (?:run (?:--\S+ )*([a-z][\w:.-]*)|(test|start)\b)/g),
      ([, script, short]) => ({
        path,
        script: script ?? short,
      }),
    ),
  )
  const unknown = named.filter(({ script = '' }) => !(script in packageJson.scripts))
  expect(unknown).toEqual([])
})

test('every file that a page names exists', () => {
  const file = /`((?:app|lib|db|server|scripts|tools|bench|tests|docs)\/[^`\s*{<]+\.\w+)`/g
  const missing = pages.flatMap((path) =>
    Array.from(read(path).matchAll(file), ([, name = '']) => name).filter(
      // The guide speaks of those of the example.
      (name) => !existsSync(name) && !existsSync(`examples/frontend/${name}`),
    ),
  )
  expect(missing).toEqual([])
})

/** Names in capitals that `lib/config/env.ts` reads. */
function variables(): string[] {
  const text = read('lib/config/env.ts')
  const server = text.slice(text.indexOf('server: {'), text.indexOf('experimental__runtimeEnv'))
  const declared = Array.from(server.matchAll(/^ {6}([A-Z][A-Z0-9_]+):/gm), ([, name = '']) => name)
  const direct = Array.from(
    text.matchAll(/process\.env(?:\.|\[')([A-Z]\w+)/g),
    ([, name = '']) => name,
  )
  return [...new Set([...declared, ...direct])].sort()
}

/** What a platform or a tool sets, and nobody has to. */
const setByOthers = ['BUILT_ON_VERCEL', 'NODE_ENV', 'VERCEL']

test('.env.example has every variable, and no other', () => {
  const listed = Array.from(
    read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm),
    ([, n = '']) => n,
  )
  const known = variables()
  expect(known.length).toBeGreaterThan(15)
  expect(listed.sort()).toEqual(known.filter((name) => !setByOthers.includes(name)))
})

test('the settings in docs/operations.md are every variable, and no other', () => {
  const [, table = ''] = /^## Settings$([\s\S]*)/m.exec(read('docs/operations.md')) ?? []
  const listed = firstCells(table).filter((name) => !setByOthers.includes(name))
  expect(listed.sort()).toEqual(variables().filter((name) => !setByOthers.includes(name)))
})

test('the index of decisions has every one, and no other', () => {
  const listed = Array.from(
    read('docs/adr/README.md').matchAll(/^- \[\d{4}\]\(([^)]+)\)/gm),
    String,
  )
  const files = listed.map((line) => /\(([^)]+)\)/.exec(line)?.[1])
  expect(files).toEqual(globSync('[0-9]*.md', { cwd: 'docs/adr' }).sort())
})

test('the example has the versions of packages that are tested here, and no package besides', () => {
  const { dependencies, devDependencies } = packageJson
  const installed = { ...dependencies, ...devDependencies }
  expect(installed).toMatchObject({ ...example.dependencies, ...example.devDependencies })
})
