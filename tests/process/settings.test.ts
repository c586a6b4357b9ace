import { readFileSync } from 'node:fs'
import { BlockList } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { takeEnvironment } from '#tests/support/in-process'
import { testSecret } from '#tests/support/tokens'

const required = { DATABASE_URL: 'postgres://db/todo', BETTER_AUTH_SECRET: testSecret }
const fromTests = { BETTER_AUTH_URL: undefined, LOG_LEVEL: undefined, RATE_LIMIT: undefined }

afterEach(() => vi.unstubAllEnvs())

/** The environment of a process that has these variables and no other. */
async function read(mode: string, variables: Record<string, string | undefined> = {}) {
  await takeEnvironment({ NODE_ENV: mode, ...fromTests, ...required, ...variables })
  const { env } = await import('#lib/config/env')
  return { ...env() } as Record<string, unknown>
}

/** The rows of the table of settings. */
const table = /\| variable \| default \| meaning \|\n.*\n((?:\|.*\n)+)/
const page = readFileSync('docs/operations.md', 'utf8')
const rows = table.exec(page)?.[1]?.trimEnd().split('\n') ?? []

const isNothing = (value: unknown) =>
  value === undefined || (value instanceof BlockList && value.rules.length === 0)

test.each(['development', 'production'])(
  'the defaults in docs/operations.md are those of the service, in %s',
  async (mode) => {
    expect(rows.length).toBeGreaterThan(20)
    const plain = await read(mode)
    for (const row of rows) {
      const [, names = '', cell = ''] = /^\| (.*?) \| (.*?) \|/.exec(row) ?? []
      const [development = '', production = development] = cell.split('; ')
      const said = mode === 'development' ? development : production
      const [, value] = /^`([^`]*)`$/.exec(said) ?? []
      for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) {
        if (value !== undefined) expect(await read(mode, { [name]: value }), name).toEqual(plain)
        else if (said.startsWith('required')) {
          const without = read(mode, { [name]: undefined })
          await expect(without).rejects.toThrow(`${name} is missing`)
        } else if (!(name in required))
          expect(isNothing(plain[name]), `${name}: ${said}`).toBe(true)
      }
    }
  },
)

test('.env.example as it is changes nothing', async () => {
  const lines = readFileSync('.env.example', 'utf8').matchAll(/^([A-Z]\w+)=(.+)$/gm)
  const given = Object.fromEntries(Array.from(lines, ([, name = '', value = '']) => [name, value]))
  expect(Object.keys(given).length).toBeGreaterThan(15)
  expect(await read('development', given)).toEqual(await read('development'))
})
