import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildNext } from '#tests/support/build'
import packageJson from '../../package.json' with { type: 'json' }

/** What Next lists for a function: the files that a host must bring along with it. */
const traces = '.next/server/{app/**/route,instrumentation,middleware}.js.nft.json'

let functions: { name: string; files: string[]; bytes: number }[] = []

beforeAll(() => {
  buildNext()
  functions = globSync(traces).map(readTrace)
})

function readTrace(path: string) {
  const { files } = JSON.parse(readFileSync(path, 'utf8')) as { files: string[] }
  const paths = files.map((file) => relative('.', resolve(dirname(path), file)))
  const bytes = paths.reduce((sum, file) => sum + sizeOf(file), 0)
  return { name: path, files: paths, bytes }
}

function sizeOf(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() === true ? found.size : 0
}

const packageOf = (file: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? ''

describe('what a host must bring along for a function', () => {
  test('is known for every route file, the start and the middleware', () => {
    expect(functions).toHaveLength(globSync('app/**/route.ts').length + 2)
  })

  test('has no PGlite', () => {
    const carrying = functions.filter(({ files }) =>
      files.some((file) => /pglite.*\.(wasm|data)$/.test(file)),
    )
    expect(carrying.map(({ name }) => name)).toEqual([])
  })

  test('has nothing that package.json calls a development dependency', () => {
    const development = new Set(Object.keys(packageJson.devDependencies))
    const found = functions.flatMap(({ files }) => files.map(packageOf))
    expect(found.length).toBeGreaterThan(100)
    expect([...new Set(found)].filter((name) => development.has(name))).toEqual([])
  })

  test('is under 8 MB each', () => {
    const large = functions.filter(({ bytes }) => bytes > 8_000_000)
    expect(large.map(({ name }) => name)).toEqual([])
  })
})
