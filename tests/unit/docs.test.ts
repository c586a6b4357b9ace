import { existsSync, globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import example from '../../examples/frontend/package.json' with { type: 'json' }
import packageJson from '../../package.json' with { type: 'json' }

/** What the first group of a pattern finds in a file, or the second. */
function foundIn(path: string, pattern: RegExp): string[] {
  const found = readFileSync(path, 'utf8').matchAll(pattern)
  return Array.from(found, ([, first, second]) => first ?? second ?? '')
}

const pages = ['README.md', ...globSync('{docs,bench}/**/*.md')]
const inPages = (pattern: RegExp) => pages.flatMap((path) => foundIn(path, pattern))

test('every npm script that a page names exists', () => {
  const named = inPages(/npm (?:run (?:--\S+ )*([a-z][\w:.-]*)|(test|start)\b)/g)
  expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining(named))
})

test('every file that a page names exists', () => {
  const named = inPages(
    /`((?:app|lib|db|server|scripts|tools|bench|tests|docs)\/[^`\s*{<]+\.\w+)`/g,
  )
  // The guide speaks of those of the example.
  const isThere = (name: string) => existsSync(name) || existsSync(`examples/frontend/${name}`)
  expect(named.filter((name) => !isThere(name))).toEqual([])
})

test.each([
  ['.env.example', /^#? ?([A-Z][A-Z0-9_]+)=/gm],
  ['docs/operations.md', /(?<=^\|[^|\n]*)`([A-Z][A-Z0-9_]+)`(?=[^|\n]* \|[^|\n]+\|[^|\n]+\|$)/gm],
])('%s has every variable of lib/config/env.ts, and no other', (path, names) => {
  const read = foundIn(
    'lib/config/env.ts',
    /^ {6}([A-Z][A-Z0-9_]+):|process\.env(?:\.|\[')([A-Z]\w+)/gm,
  )
  // What a platform or a tool sets, and nobody has to.
  const setByOthers = ['BUILT_ON_VERCEL', 'NODE_ENV']
  const known = [...new Set(read)].filter((name) => !setByOthers.includes(name))
  expect(known.length).toBeGreaterThan(15)
  expect(foundIn(path, names).sort()).toEqual(known.sort())
})

test('the index of decisions has every one, and no other', () => {
  const listed = foundIn('docs/adr/README.md', /^- \[\d{4}\]\(([^)]+)\)/gm)
  expect(listed).toEqual(globSync('[0-9]*.md', { cwd: 'docs/adr' }).sort())
})

test('the example has the versions of packages that are tested here, and no package besides', () => {
  const { dependencies, devDependencies } = packageJson
  const installed = { ...dependencies, ...devDependencies }
  expect(installed).toMatchObject({ ...example.dependencies, ...example.devDependencies })
})
