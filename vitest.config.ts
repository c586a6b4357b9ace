import { defineConfig } from 'vitest/config'
import { testSecret } from './tests/support/secret.ts'

const inProcess = {
  NODE_ENV: 'test' as const,
  DATABASE_URL: 'pglite://',
  BETTER_AUTH_SECRET: testSecret,
  BETTER_AUTH_URL: 'http://127.0.0.1:9',
  LOG_LEVEL: 'silent',
}

/** The same suite of requests for every way to serve: a project each. */
const suite = {
  include: ['tests/{http,fuzz}/**/*.test.ts'],
  isolate: false,
  fileParallelism: false,
}

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], env: inProcess } },
      { test: { ...suite, name: 'in process', env: inProcess } },
      {
        test: { ...suite, name: 'next', globalSetup: ['tests/support/next-on-pglite.ts'] },
      },
      { test: { name: 'hosts', include: ['tests/host/**/*.test.ts'], fileParallelism: false } },
    ],
  },
})
