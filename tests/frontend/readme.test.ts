import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'
import { testSecret } from '#tests/support/tokens'

const readme = readFileSync('README.md', 'utf8')
const server = postgresAt(inject('postgresPort'))
let service: Service

beforeAll(async () => {
  service = await startService('node', { DATABASE_URL: server.url(await createDatabase(server)) })
})
afterAll(() => service.stop('SIGKILL'))

test('the calls of the README work as they stand there', () => {
  const [, calls = ''] = /## A call\n+```sh\n([\s\S]*?)```/.exec(readme) ?? []
  expect(calls).toContain('curl')
  const script = calls.replaceAll('http://localhost:8000', service.url)
  const { PATH = '', HOME = '' } = process.env
  const printed = execFileSync('bash', ['-ceu', script], {
    encoding: 'utf8',
    env: { PATH, HOME, BETTER_AUTH_SECRET: testSecret, NODE_ENV: 'test' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const task = '"title":"Buy milk"'
  expect(printed.split(task)).toHaveLength(3)
  expect(printed).toMatch(/^\{.*\}\[\{.*\}\]$/)
})
