import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { globSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startChild } from '#tests/support/child'
import {
  type BuiltFunction,
  builtFunctions,
  copyElsewhere,
  serverFiles,
} from '#tests/support/functions'
import { testSecret } from '#tests/support/secret'
import { newUser, tokenFor } from '#tests/support/tokens'
import packageJson from '../../package.json' with { type: 'json' }

let functions: BuiltFunction[] = []

beforeAll(() => {
  functions = builtFunctions()
})

const packageOf = (file: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? ''

describe('what a host must bring along for a function', () => {
  test('is known for every route file, the start and the middleware', () => {
    expect(functions).toHaveLength(globSync('app/**/route.ts').length + 2)
  })

  test('has no PGlite', () => {
    const carrying = functions.filter(({ files }) =>
      files.some((file) => /pglite.*\.(wasm|data)$/.test(file)),
    )
    expect(carrying.map(({ module }) => module)).toEqual([])
  })

  test('has Swagger UI only where the reference page is served', () => {
    const carrying = functions.filter(({ files }) =>
      files.some((file) => file.endsWith('swagger-ui-bundle.js')),
    )
    expect(carrying.map(({ module }) => module)).toEqual([
      '.next/server/app/docs/[file]/route.js',
      '.next/server/app/docs/route.js',
    ])
  })

  test('has nothing that package.json calls a development dependency', () => {
    const development = new Set(Object.keys(packageJson.devDependencies))
    const found = functions.flatMap(({ files }) => files.map(packageOf))
    expect(found.length).toBeGreaterThan(100)
    expect([...new Set(found)].filter((name) => development.has(name))).toEqual([])
  })

  test('is under 8 MB each', () => {
    const large = functions.filter(({ bytes }) => bytes > 8_000_000)
    expect(large.map(({ module }) => module)).toEqual([])
  })
})

describe('a function that has nothing but what was traced', () => {
  let launched: ChildProcess | undefined
  let folder: string | undefined
  afterEach(() => {
    launched?.kill('SIGKILL')
    if (folder !== undefined) rmSync(folder, { recursive: true })
  })

  async function launch(env: Record<string, string>): Promise<string> {
    const own = ['app/api/tasks/route.js', 'app/health/route.js', 'instrumentation.js']
    const parts = functions.filter(({ module }) => own.some((name) => module.endsWith(name)))
    folder = copyElsewhere([...serverFiles(), ...parts.flatMap(({ files }) => files)])
    launched = startChild(process.execPath, [resolve('tests/support/launch-function.ts')], {
      cwd: folder,
      env: { NODE_ENV: 'production', BETTER_AUTH_SECRET: testSecret, LOG_LEVEL: 'silent', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(launched, 'exit').then(() => {
      throw new Error('The function ended before it served.')
    })
    const [url] = await Promise.race([once(launched.stdout ?? launched, 'data'), ended])
    return String(url).trim()
  }

  // Nothing listens on port 9, so a 503 says that the driver was there to try.
  test.each([
    ['pg', { DATABASE_URL: 'postgres://todo@127.0.0.1:9/todo' }],
    [
      'Neon',
      {
        DATABASE_URL: 'postgres://todo:todo@ep-test.neon.tech/todo',
        NEON_FETCH_ENDPOINT: 'http://127.0.0.1:9/sql',
      },
    ],
  ])('starts, checks credentials and asks the database by %s', async (_, env) => {
    const url = await launch(env)
    const headers = { authorization: `Bearer ${await tokenFor(newUser())}` }
    const statuses = [
      (await fetch(`${url}/health`)).status,
      (await fetch(`${url}/api/tasks`)).status,
      (await fetch(`${url}/api/tasks`, { headers })).status,
    ]
    expect(statuses).toEqual([200, 401, 503])
  })
})
