import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const files = [
  ...globSync('{app,lib,db,server,scripts,tools}/**/*.{ts,js}'),
  ...['middleware.ts', 'instrumentation.ts', 'next.config.ts'],
]
const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))

/** Each room of `docs/architecture.md`, with those that it may import from. */
const rooms: Record<string, readonly string[]> = {
  db: [],
  'lib/config': ['db'],
  lib: ['lib/config'],
  'lib/http': ['lib', 'lib/config', 'db'],
  'lib/observability': ['lib/http', 'lib', 'lib/config', 'db'],
  'lib/service': ['lib/observability', 'lib/http', 'lib', 'lib/config', 'db'],
  'lib/auth': ['lib/service', 'lib/http', 'lib', 'lib/config', 'db'],
  'lib/tasks': ['lib/auth', 'lib/http', 'lib', 'lib/config', 'db'],
  'lib/openapi': ['lib/service', 'lib/http', 'lib/config'],
  app: ['lib', 'lib/*', 'db'],
  server: ['app', 'lib', 'lib/*'],
  scripts: ['lib', 'lib/*', 'db'],
  tools: ['lib', 'lib/*', 'db'],
  'middleware.ts': ['lib/http'],
  'instrumentation.ts': ['lib/service'],
  'next.config.ts': [],
}

function roomOf(file: string): string {
  const [top = '', folder = '', name] = file.split('/')
  return top === 'lib' && name !== undefined ? `lib/${folder}` : top
}

/** Another resource has a folder of its own, with the rules of `lib/tasks`. */
function rulesOf(room: string): readonly string[] | undefined {
  return rooms[room] ?? (room.startsWith('lib/') ? rooms['lib/tasks'] : undefined)
}

function mayImport(from: string, to: string): boolean {
  const allowed = rulesOf(from) ?? []
  return from === to || allowed.includes(to) || allowed.includes(to.replace(/\/.*/, '/*'))
}

const importsOf = (source: string) =>
  [...source.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name = '']) => name)

/** The files of ours that a file imports, of what is left of its source without some imports. */
function targetsOf(file: string, without = /(?!)/g): string[] {
  const names = importsOf((sources.get(file) ?? '').replaceAll(without, ''))
  return names.filter((name) => name.startsWith('#')).map((name) => `${name.slice(1)}.ts`)
}

test('every file is in a room, and imports point one way between rooms', () => {
  expect(files.length).toBeGreaterThanOrEqual(55)
  expect(files.filter((file) => rulesOf(roomOf(file)) === undefined)).toEqual([])
  const crossing = files.flatMap((file) =>
    targetsOf(file)
      .filter((target) => !mayImport(roomOf(file), roomOf(target)))
      .map((target) => `${file} -> ${target}`),
  )
  // Vercel's function starts with its first request (ADR 0045).
  expect(crossing).toEqual(['lib/http/with-request.ts -> lib/service/start.ts'])
})

test('there are no cycles', () => {
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    expect(path, 'a cycle').not.toContain(file)
    if (done.has(file)) return
    // What is imported when it is first needed is no part of a cycle: both files are loaded by then.
    for (const target of targetsOf(file, /\bimport\([^)]*\)/g)) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

test.each([
  ['lib', 7],
  ['db', 7],
  ['db/transports', 4],
])('in %s at most %d files import each other in a line', (folder, most) => {
  const levels = new Map<string, number>()
  const levelOf = (file: string): number => {
    // Types are gone when the service runs, and what is imported when it is needed starts anew.
    const targets = targetsOf(file, /^import type .*|\bimport\([^)]*\)/gm)
    const within = targets.filter((target) => target.startsWith(`${folder}/`))
    const level = levels.get(file) ?? 1 + Math.max(0, ...within.map(levelOf))
    levels.set(file, level)
    return level
  }
  const all = files.filter((file) => file.startsWith(`${folder}/`)).map(levelOf)
  expect(all.length).toBeGreaterThan(8)
  expect(Math.max(...all)).toBeLessThanOrEqual(most)
})

const imports = (name: RegExp) => (_: string, source: string) =>
  importsOf(source).some((each) => name.test(each))
const says = (words: RegExp) => (_: string, source: string) => words.test(source)

/** What a file is or says, and the only files that may. */
const rules: [string, (file: string, source: string) => boolean, ...allowed: string[]][] = [
  [
    'drivers and Kysely are in db/, and in tools',
    (file, source) =>
      !/^(?:db|tools)\//.test(file) && imports(/^(kysely|pg$|@neon|@electric)/)(file, source),
  ],
  [
    'the statements on tasks are built, for the third wall does not see SQL by hand',
    (file, source) =>
      file.startsWith('db/tasks/') && /`\.(?:execute|compile)\(|CompiledQuery\.raw/.test(source),
  ],
  [
    'every method under /api is authenticated',
    (file, source) =>
      file.startsWith('app/api/') && /^export const \w+ = (?!(?:withAuth|sameAs)\()/m.test(source),
  ],
  [
    'Next is where plain Node does not come',
    imports(/^next(\/|$)/),
    ...['middleware.ts', 'next.config.ts', 'scripts/next.ts'],
  ],
  [
    'imports are relative of package.json, and in what runs before TypeScript',
    imports(/^\./),
    ...['lib/service/version.ts', 'server/main.js'],
  ],
  [
    'the environment is read in one place',
    says(/process\.env/),
    ...['instrumentation.ts', 'lib/config/env.ts', 'next.config.ts'],
  ],
  [
    'the URL of a request is parsed once, where it enters (ADR 0066)',
    says(/\brequest\.url\b/),
    'lib/http/with-request.ts',
  ],
  ['no file is asking to be two', (_, source) => source.split('\n').length > 181],
  ['nothing is left to do', says(/\bTODO\b|\bFIXME\b/)],
]

test.each(rules)('%s', (_, isSo, ...allowed) => {
  const found = [...sources].filter(([file, source]) => isSo(file, source)).map(([file]) => file)
  expect(found.sort()).toEqual(allowed)
})

test('errors of ours are recognised without their class, which Next has twice (ADR 0041)', () => {
  const all = [...sources].flatMap(([file, source]) =>
    Array.from(source.matchAll(/^(?:export )?(?:abstract )?class (\w+)/gm), ([, name = '']) => ({
      file,
      name,
    })),
  )
  expect(all.length).toBeGreaterThan(5)
  const asked = all.flatMap(({ file, name }) =>
    files.filter((other) => other !== file && sources.get(other)?.includes(`instanceof ${name}`)),
  )
  expect(asked).toEqual([])
})

test('the suite of failures is outside of the service, so that any host can be asked', () => {
  const suite = globSync('tests/failures/**/*.ts')
  expect(suite.length).toBeGreaterThan(10)
  const isInside = imports(/^#(app|db|lib|server|inst)/)
  expect(suite.filter((file) => isInside(file, readFileSync(file, 'utf8')))).toEqual([])
})
