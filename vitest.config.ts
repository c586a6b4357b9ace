import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { hostOnPglite } from './tests/support/on-pglite.ts'
import Order from './tests/support/order.ts'
import { testSecret } from './tests/support/secret.ts'
import type { Host } from './tests/support/service.ts'
import { hasVercel } from './tests/support/vercel-build.ts'

const inProcess = {
  NODE_ENV: 'test' as const,
  DATABASE_URL: 'pglite://',
  BETTER_AUTH_SECRET: testSecret,
  BETTER_AUTH_URL: 'http://127.0.0.1:9',
  LOG_LEVEL: 'silent',
  RATE_LIMIT: '100000/60',
}

/** The same suite of requests for every way to serve: a project each. */
const suite = {
  include: ['tests/http/**/*.test.ts'],
  isolate: false,
}
/** Random requests find what is wrong with an operation, which neither Neon nor Vercel changes. */
const withFuzz = { ...suite, include: ['tests/{http,fuzz}/**/*.test.ts'] }

/**
 * The suite of failures: it speaks HTTP to the service, started as in production on the project's
 * host, and breaks the world around it. A new file in it runs on plain Node and in Vercel's function.
 */
function failuresOn(host: Host, ...setUp: string[]) {
  return {
    test: {
      name: `failures on ${host}`,
      include: ['tests/failures/**/*.test.ts'],
      provide: { host },
      globalSetup: [...setUp, 'tests/support/shared-postgres.ts'],
    },
  }
}

export default defineConfig({
  test: {
    reporters: ['default', './tests/support/closing-line.ts'],
    // Most tests start a server of their own, and half of their time is waiting for something.
    maxWorkers: 2 * availableParallelism(),
    sequence: { sequencer: Order },
    // Where the machine is shared with others, one of three thousand may be late once.
    retry: process.env['CI'] === undefined ? 0 : 1,
    // A machine that is busy takes its time; a hang still ends.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], env: inProcess } },
      {
        test: {
          ...withFuzz,
          name: `${hostOnPglite} on pglite`,
          globalSetup: ['tests/support/on-pglite.ts'],
        },
      },
      {
        test: {
          ...withFuzz,
          name: 'node on postgres',
          globalSetup: ['tests/support/node-on-postgres.ts'],
        },
      },
      {
        test: { ...suite, name: 'node on neon', globalSetup: ['tests/support/node-on-neon.ts'] },
      },
      {
        test: {
          ...suite,
          name: 'vercel',
          globalSetup: ['tests/support/vercel-build.ts', 'tests/support/vercel-on-postgres.ts'],
          provide: { host: 'vercel' },
          ...(!hasVercel && { runner: './tests/support/skip-all.ts' }),
        },
      },
      {
        test: {
          name: 'database',
          include: ['tests/database/**/*.test.ts'],
          env: inProcess,
          globalSetup: ['tests/support/shared-postgres.ts'],
        },
      },
      {
        // The guide's own code, as `tests/support/guide.ts` writes it.
        resolve: { alias: { '@': resolve('.data/guide/plain') } },
        test: {
          name: 'identity',
          include: ['tests/identity/**/*.test.ts'],
          env: inProcess,
          globalSetup: ['tests/support/build.ts', 'tests/support/shared-postgres.ts'],
        },
      },
      failuresOn('node'),
      {
        test: {
          ...failuresOn('vercel', 'tests/support/vercel-build.ts').test,
          ...(!hasVercel && { runner: './tests/support/skip-all.ts' }),
        },
      },
      // What Next's two copies of a module could break (ADR 0041): Vercel's function has but one.
      {
        test: {
          ...failuresOn('next', 'tests/support/build.ts').test,
          include: ['tests/failures/{away-at-start,one-service,traces}.test.ts'],
        },
      },
      // `next dev` serves one process in a folder, so it runs the one file that needs no second one.
      {
        test: { ...failuresOn('next dev').test, include: ['tests/failures/**/*.dev.test.ts'] },
      },
      {
        test: {
          name: 'hosts',
          include: ['tests/host/**/*.test.ts'],
          globalSetup: [
            'tests/support/build.ts',
            'tests/support/vercel-build.ts',
            'tests/support/shared-postgres.ts',
          ],
        },
      },
    ],
  },
})
