import { existsSync, globSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const files = [
  ...globSync('{app,lib,db,server,scripts,tools}/**/*.{ts,js}'),
  ...['middleware.ts', 'instrumentation.ts', 'next.config.ts'],
]
const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))

/** What each room is for, and which rooms it may import from. The order is the one of imports. */
const rooms: Record<string, { readonly isFor: string; readonly mayImport: readonly string[] }> = {
  db: { isFor: 'the database, and nothing above it', mayImport: ['db'] },
  'lib/config': { isFor: 'the environment, read once', mayImport: ['db'] },
  lib: { isFor: 'what belongs to every room', mayImport: ['lib/config'] },
  'lib/http': {
    isFor: 'what every request and answer shares',
    mayImport: ['lib', 'lib/config', 'db'],
  },
  'lib/observability': {
    isFor: 'metrics, traces and timing',
    mayImport: ['lib/http', 'lib', 'lib/config', 'db'],
  },
  'lib/service': {
    isFor: 'start, stop, the database of the process',
    mayImport: ['lib/observability', 'lib/http', 'lib', 'lib/config', 'db'],
  },
  'lib/auth': {
    isFor: 'who calls',
    mayImport: ['lib/service', 'lib/http', 'lib', 'lib/config', 'db'],
  },
  'lib/tasks': {
    isFor: 'the resource',
    mayImport: ['lib/auth', 'lib/http', 'lib', 'lib/config', 'db'],
  },
  'lib/openapi': {
    isFor: 'the API document and its pages',
    mayImport: ['lib/service', 'lib/http', 'lib/config'],
  },
  app: { isFor: 'a file for each path', mayImport: ['lib', 'lib/*', 'db'] },
  server: { isFor: 'plain Node', mayImport: ['app', 'lib', 'lib/*'] },
  scripts: { isFor: 'the commands', mayImport: ['lib', 'lib/*', 'db'] },
  tools: { isFor: 'programs beside the service', mayImport: ['lib', 'lib/*', 'db'] },
  'middleware.ts': { isFor: 'preflights on Next', mayImport: ['lib/http'] },
  'instrumentation.ts': { isFor: 'the start on Next', mayImport: ['lib/service'] },
  'next.config.ts': { isFor: 'the build', mayImport: [] },
}

function roomOf(file: string): string {
  const [top = '', folder = '', name] = file.split('/')
  return top === 'lib' && name !== undefined ? `lib/${folder}` : top
}

/** Another resource has a folder of its own, with the rules of `lib/tasks`. */
function rulesOf(room: string) {
  return rooms[room] ?? (room.startsWith('lib/') ? rooms['lib/tasks'] : undefined)
}

function mayImport(from: string, to: string): boolean {
  const allowed = rulesOf(from)?.mayImport ?? []
  return from === to || allowed.includes(to) || allowed.includes(to.replace(/\/.*/, '/*'))
}

const importsOf = (source: string) =>
  [...source.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name]) => name ?? '')
const ours = (name: string) => name.startsWith('#') && `${name.slice(1)}.ts`
const offenders = (isOffence: (file: string, source: string) => boolean) =>
  [...sources].filter(([file, source]) => isOffence(file, source)).map(([file]) => file)

describe('the architecture', () => {
  test('is read from all of the sources', () => {
    expect(sources.size).toBeGreaterThanOrEqual(55)
    const imports = [...sources.values()].flatMap(importsOf)
    expect(imports.length).toBeGreaterThan(120)
  })

  test('has every file in a room, and imports that point one way between rooms', () => {
    expect(files.filter((file) => rulesOf(roomOf(file)) === undefined)).toEqual([])
    const crossing = [...sources].flatMap(([file, source]) =>
      importsOf(source)
        .flatMap((name) => ours(name) || [])
        .filter((target) => !mayImport(roomOf(file), roomOf(target)))
        .map((target) => `${file} -> ${target}`),
    )
    // Vercel's function starts with its first request (ADR 0045).
    expect(crossing).toEqual(['lib/http/with-request.ts -> lib/service/start.ts'])
  })

  test('has no loose file in lib/ but what belongs to every room', () => {
    expect(files.filter((file) => roomOf(file) === 'lib').sort()).toEqual(['lib/log.ts'])
  })

  test('has every import of ours lead to a file', () => {
    const lost = [...sources.values()]
      .flatMap(importsOf)
      .flatMap((name) => ours(name) || [])
      .filter((target) => !existsSync(target))
    expect(lost).toEqual([])
  })

  test('has no relative imports, but of package.json and by what runs before TypeScript', () => {
    const relative = [...sources].flatMap(([file, source]) =>
      importsOf(source)
        .filter((name) => name.startsWith('.'))
        .map((name) => `${file} -> ${name}`),
    )
    expect(relative.sort()).toEqual([
      'lib/service/version.ts -> ../../package.json',
      'server/main.js -> ../lib/config/node-version.js',
      'server/main.js -> ./program.ts',
    ])
  })

  test('has no cycles', () => {
    const done = new Set<string>()
    const visit = (file: string, path: string[]): void => {
      expect(path, 'a cycle').not.toContain(file)
      if (done.has(file)) return
      // What is imported when it is first needed is no part of a cycle: both files are loaded by then.
      const source = (sources.get(file) ?? '').replaceAll(/\bimport\([^)]*\)/g, '')
      for (const name of importsOf(source)) {
        const target = ours(name)
        if (target) visit(target, [...path, file])
      }
      done.add(file)
    }
    for (const file of files) visit(file, [])
    expect(done.size).toBeGreaterThanOrEqual(files.length)
  })

  test('keeps SQL in db/', () => {
    expect(
      offenders(
        (file, source) =>
          !/^(?:db|tools)\//.test(file) &&
          importsOf(source).some((name) => /^(kysely|pg$|@neon|@electric)/.test(name)),
      ),
    ).toEqual([])
  })

  test('keeps Next out of the handlers, so that plain Node can serve them', () => {
    expect(
      offenders((_, source) => importsOf(source).some((name) => /^next(\/|$)/.test(name))).sort(),
    ).toEqual(['middleware.ts', 'next.config.ts', 'scripts/next.ts'])
  })

  test('reads the environment in one place', () => {
    expect(offenders((_, source) => source.includes('process.env')).sort()).toEqual([
      'instrumentation.ts',
      'lib/config/env.ts',
      'next.config.ts',
    ])
  })

  test('parses the URL of a request once, where it enters (ADR 0066)', () => {
    expect(offenders((_, source) => /\brequest\.url\b/.test(source))).toEqual([
      'lib/http/with-request.ts',
    ])
  })

  test('recognises its own errors without their class, which Next has twice (ADR 0041)', () => {
    const classes = [...sources].flatMap(([file, source]) =>
      [...source.matchAll(/^(?:export )?(?:abstract )?class (\w+)/gm)].map(([, name]) => [
        name,
        file,
      ]),
    )
    expect(classes.length).toBeGreaterThan(5)
    const declaredIn = new Map(classes as [string, string][])
    const asked = [...sources].flatMap(([file, source]) =>
      [...source.matchAll(/instanceof (\w+)/g)].flatMap(([, name = '']) =>
        declaredIn.has(name) && declaredIn.get(name) !== file ? `${file}: ${name}` : [],
      ),
    )
    expect(asked).toEqual([])
  })

  test('keeps the suite of failures outside of the service, so that any host can be asked', () => {
    const suite = globSync('tests/failures/**/*.ts')
    expect(suite.length).toBeGreaterThan(10)
    const inside = suite.filter((file) =>
      importsOf(readFileSync(file, 'utf8')).some((name) => /^#(app|db|lib|server|inst)/.test(name)),
    )
    expect(inside).toEqual([])
  })

  test('has every method of /api authenticated', () => {
    const api = [...sources].filter(([file]) => file.startsWith('app/api/'))
    const own = api.filter(([, source]) => !/^export \* from '#app\/api\/[^']+'\n$/.test(source))
    expect(own.length).toBeGreaterThanOrEqual(4)
    for (const [file, source] of own) {
      const exported = source.match(/^export const .*$/gm) ?? []
      const handlers = exported.filter((line) => !line.includes('= otherMethods('))
      expect(handlers.length, file).toBeGreaterThan(0)
      for (const line of handlers) {
        expect(line).toMatch(/^export const [A-Z]+ = (withAuth|sameAs)\(/)
      }
    }
  })

  test('has no file that is asking to be two', () => {
    expect(offenders((_, source) => source.split('\n').length > 181)).toEqual([])
  })

  test('has no any, no non-null assertion and nothing left to do', () => {
    expect(
      offenders((_, source) => /\bas any\b|: any\b(?! at)|\bTODO\b|\bFIXME\b/.test(source)),
    ).toEqual([])
  })

  test.each([
    ['lib', 7],
    ['db', 7],
    ['db/transports', 4],
  ])('has in %s at most %d files that import each other in a line', (folder, most) => {
    const within = files.filter((file) => file.startsWith(`${folder}/`))
    const levels = new Map<string, number>()
    const levelOf = (file: string): number => {
      const known = levels.get(file)
      if (known !== undefined) return known
      // Types are gone when the service runs, and what is imported when it is needed starts anew.
      const source = (sources.get(file) ?? '').replaceAll(/^import type .*|\bimport\(/gm, '')
      const below = importsOf(source)
        .flatMap((name) => ours(name) || [])
        .filter((target) => within.includes(target))
      const level = 1 + Math.max(0, ...below.map(levelOf))
      levels.set(file, level)
      return level
    }
    expect(within.length).toBeGreaterThan(8)
    expect(Math.max(...within.map(levelOf))).toBeLessThanOrEqual(most)
  })

  test('has a transport for Postgres that could be a package: of ours, it knows only db/', () => {
    const tcp = files.filter((file) => file.startsWith('db/transports/postgres/'))
    expect(tcp.length).toBeGreaterThan(3)
    expect(tcp.length).toBeLessThanOrEqual(7)
    const outside = tcp.flatMap((file) =>
      importsOf(sources.get(file) ?? '').filter(
        (name) => name.startsWith('#') && !/^#db/.test(name),
      ),
    )
    expect(outside).toEqual([])
  })

  test('has no SQL by hand in the statements on tasks, whose rows the third wall would not see', () => {
    const tasks = [...sources].filter(([file]) => file.startsWith('db/tasks/'))
    expect(tasks.length).toBeGreaterThan(3)
    // `sql` is a part of a statement that Kysely builds, and never one of its own.
    const byHand = tasks.filter(([, source]) =>
      /`\.(?:execute|compile)\(|CompiledQuery\.raw/.test(source),
    )
    expect(byHand.map(([file]) => file)).toEqual([])
  })
})
