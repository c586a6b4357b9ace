import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import type { SharedName } from './tests/support/run.ts'
import type { Host } from './tests/support/service.ts'
import { testSecret } from './tests/support/tokens.ts'
import { hasVercel } from './tests/support/vercel-build.ts'
import { ClosingLine, Order } from './tests/support/vitest.ts'

/** Nothing of ours takes as long, on a machine however busy: what does has stopped. */
const hangMs = 300_000
const limits = {
  testTimeout: hangMs,
  hookTimeout: hangMs,
  // What is polled for is there at once, or never.
  expect: { poll: { timeout: hangMs / 5 } },
}

const inProcess = {
  NODE_ENV: 'test' as const,
  DATABASE_URL: 'pglite://',
  BETTER_AUTH_SECRET: testSecret,
  BETTER_AUTH_URL: 'http://127.0.0.1:9',
  LOG_LEVEL: 'silent',
  RATE_LIMIT: '100000/60',
}

type Settings = Pick<
  NonNullable<TestProjectInlineConfiguration['test']>,
  'env' | 'include' | 'isolate' | 'provide' | 'runner'
>

/** The tests in a folder, or several; those of `*.long.test.ts` with `npm run test:all`. */
function project(name: string, folders: string, settings: Settings = {}) {
  const include = [`tests/${folders}/**/*.test.ts`]
  return { test: { name, include, env: inProcess, ...limits, ...settings } }
}

/** The same requests for every way to serve: one service for all files, which share workers. */
function requestsTo(service: SharedName, settings: Settings = {}) {
  const [name = '', , database = ''] = service.split(' ')
  const folders = database === 'neon' ? 'http' : '{http,fuzz}'
  const own: Settings = { provide: { service, host: name as Host }, isolate: false, ...settings }
  return project(service, folders, own)
}

/**
 * The suite of failures: it speaks HTTP to a service that is started as in production, and breaks
 * the world around it.
 */
function failuresOn(host: Host, settings: Settings = {}) {
  return project(`failures on ${host}`, 'failures', {
    provide: { host },
    isolate: false,
    ...settings,
  })
}

/** What Next, Neon or Vercel could change of the requests. */
const onOthers = ['tests/http/{bad-input,cors,create,headers,idempotency,list,paths,text}.test.ts']

/** What tells a contributor that a change is right: `npm test`. */
const quick = [
  project('unit', 'unit', { isolate: false }),
  // What a process has once, such as its environment: each file has a process of its own.
  project('process', 'process'),
  project('database', 'database', { isolate: false }),
  requestsTo('node on postgres'),
  requestsTo('next on pglite', { include: onOthers }),
  failuresOn('node'),
  project('door', 'door', { isolate: false }),
  project('identity', 'identity'),
]

const failuresOnVercel = [
  'tests/failures/{answers.dev,late-writes,outage}.test.ts',
  'tests/failures/{away-at-start,traces}.long.test.ts',
]
const onVercel: Settings = hasVercel ? {} : { runner: './tests/support/skip-all.ts' }

/** Every host and tool: `npm run test:all`. */
const further = [
  requestsTo('node on neon', { include: onOthers }),
  requestsTo('vercel on postgres', { include: onOthers, ...onVercel }),
  failuresOn('vercel', { include: failuresOnVercel, ...onVercel }),
  // What Next's two copies of a module could break (ADR 0041): Vercel's function has but one.
  failuresOn('next', {
    include: ['tests/failures/{away-at-start,one-service,traces}.long.test.ts'],
  }),
  failuresOn('next dev', { include: ['tests/failures/**/*.dev.test.ts'] }),
  project('hosts', 'hosts'),
  {
    ...project('frontend', 'frontend'),
    // The example as the guide changes it, which `tests/frontend/frontend.ts` writes.
    resolve: { alias: { '@': resolve('.data/example-0') } },
  },
  project('tools', 'tools'),
]

/** A project as `npm test` has it: without the long files, and on Postgres over TCP alone. */
function short({ test }: TestProjectInlineConfiguration): TestProjectInlineConfiguration {
  return { test: { ...test, exclude: ['**/*.long.test.ts'] } }
}

/** A project as `npm run test:all` has it: on each of the three transports. */
function whole({
  test,
  ...others
}: TestProjectInlineConfiguration): TestProjectInlineConfiguration {
  return { ...others, test: { ...test, env: { ...test?.env, EVERY_TRANSPORT: 'yes' } } }
}

export default defineConfig(({ mode }) => ({
  test: {
    reporters: ['default', new ClosingLine()],
    globalSetup: ['tests/support/run.ts'],
    // Half of the time of most files is waiting for a server.
    maxWorkers: 2 * availableParallelism(),
    sequence: { sequencer: Order },
    projects: mode === 'all' ? [...quick, ...further].map(whole) : quick.map(short),
  },
}))
