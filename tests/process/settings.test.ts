import { readFileSync } from 'node:fs'
import { BlockList } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { testSecret } from '#tests/support/tokens'

type Mode = 'development' | 'production'

const required = { DATABASE_URL: 'postgres://db/todo', BETTER_AUTH_SECRET: testSecret }
const fromTests = ['BETTER_AUTH_URL', 'LOG_LEVEL', 'RATE_LIMIT']

afterEach(() => vi.unstubAllEnvs())

/** The environment of a process that has these variables and no other. */
async function read(variables: Record<string, string | undefined>, mode: Mode) {
  vi.unstubAllEnvs()
  vi.resetModules()
  for (const name of fromTests) vi.stubEnv(name, undefined)
  const all = { NODE_ENV: mode, ...required, ...variables }
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value)
  const { env } = await import('#lib/config/env')
  return { ...env() } as Record<string, unknown>
}

interface Setting {
  readonly name: string
  /** What its second cell says, for each mode. */
  readonly defaults: Readonly<Record<Mode, string>>
}

/** The rows of a table of settings, one for each variable that a row names. */
function settingsOf(page: string): Setting[] {
  const [, table = ''] =
    /\| variable \| default \| meaning \|\n.*\n((?:\|.*\n)+)/.exec(readFileSync(page, 'utf8')) ?? []
  return table.split('\n').flatMap((row) => {
    const [, names = '', cell = ''] = /^\| (.*?) \| (.*?) \|/.exec(row) ?? []
    const [development = '', production = development] = cell.split('; ')
    return names.split(', ').flatMap((name, index) => {
      const own = (text: string) => text.split(', ')[index] ?? text
      const bare = name.replaceAll('`', '')
      const defaults = { development: own(development), production: own(production) }
      return bare === '' ? [] : [{ name: bare, defaults }]
    })
  })
}

const isNothing = (value: unknown) =>
  value === undefined || (value instanceof BlockList && value.rules.length === 0)

test.each(['development', 'production'] as const)(
  'the defaults in docs/operations.md are those of the service, in %s',
  async (mode) => {
    const settings = settingsOf('docs/operations.md')
    expect(settings.length).toBeGreaterThan(20)
    const plain = await read({}, mode)
    for (const { name, defaults } of settings) {
      const [, value] = /^`([^`]*)`$/.exec(defaults[mode]) ?? []
      if (value !== undefined) {
        expect(await read({ [name]: value }, mode), name).toEqual(plain)
      } else if (defaults[mode].startsWith('required')) {
        await expect(read({ [name]: undefined }, mode), name).rejects.toThrow(`${name} is missing`)
      } else if (!(name in required)) {
        expect(isNothing(plain[name]), `${name} has no default: ${defaults[mode]}`).toBe(true)
      }
    }
  },
)

test('the settings in README.md are some of docs/operations.md, in the same words', () => {
  const rowsOf = (page: string) =>
    /\| variable \| default \| meaning \|\n((?:\|.*\n)+)/
      .exec(readFileSync(page, 'utf8'))?.[1]
      ?.split('\n') ?? []
  const some = rowsOf('README.md')
  expect(some.length).toBeGreaterThan(8)
  expect(rowsOf('docs/operations.md')).toEqual(expect.arrayContaining(some))
})

test('.env.example as it is changes nothing', async () => {
  const lines = readFileSync('.env.example', 'utf8').matchAll(/^([A-Z]\w+)=(.+)$/gm)
  const given = Object.fromEntries(Array.from(lines, ([, name = '', value = '']) => [name, value]))
  expect(Object.keys(given).length).toBeGreaterThan(15)
  expect(await read(given, 'development')).toEqual(await read({}, 'development'))
})
