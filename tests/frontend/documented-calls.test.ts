import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { usual } from '#tests/support/child'
import { serve } from '#tests/support/serve'
import { newUser, testSecret, tokenFor } from '#tests/support/tokens'

const service = await serve('node')
afterAll(() => service.stop('SIGKILL'))

test('the calls of the README work as they stand there', () => {
  const readme = readFileSync('README.md', 'utf8')
  const [, calls = ''] = /## A call\n+```sh\n([\s\S]*?)```/.exec(readme) ?? []
  expect(calls).toContain('curl')
  const script = calls.replaceAll('http://localhost:8000', service.url)
  const printed = execFileSync('bash', ['-ceu', script], {
    encoding: 'utf8',
    env: { ...usual, BETTER_AUTH_SECRET: testSecret, NODE_ENV: 'test' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  expect(printed.split('"title":"Buy milk"')).toHaveLength(3)
  expect(printed).toMatch(/^\{.*\}\[\{.*\}\]$/)
})

/** The example of the guide, as a program that is given where the service is. */
function exampleProgram(): string {
  const guide = readFileSync('docs/openapi.md', 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(guide)?.[1] ?? ''
  return [
    example
      .replace("'http://localhost:8000'", "process.env['BASE_URL'] ?? ''")
      .replace('const api =', "const token = process.env['TOKEN'] ?? ''\nconst api ="),
    'console.log(JSON.stringify({ created: created.data, changed: changed.data, open }))',
  ].join('\n')
}

function run(command: string, options: string[], env: Record<string, string> = {}): string {
  const ended = spawnSync(command, options, { encoding: 'utf8', env: { ...process.env, ...env } })
  expect(ended.status, ended.stdout + ended.stderr).toBe(0)
  return ended.stdout
}

test('the client that the guide generates compiles, and does what its example says', async () => {
  // Inside the project, so that the program finds openapi-fetch; git ignores it.
  const folder = mkdtempSync(resolve('.data/typed-client-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [types, program] = [join(folder, 'api.d.ts'), join(folder, 'program.ts')]
  run(process.execPath, [
    ...['--import', './tests/frontend/typescript-5.ts'],
    ...['node_modules/openapi-typescript/bin/cli.js', `${service.url}/openapi.json`],
    ...['--output', types],
  ])
  writeFileSync(program, exampleProgram())
  const settings = { extends: '../../tsconfig.json', include: ['*.ts'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings))
  run('node_modules/.bin/tsc', ['--noEmit', '--project', folder])

  const as = newUser()
  const env = { BASE_URL: service.url, TOKEN: await tokenFor(as) }
  const output = JSON.parse(run(process.execPath, [program], env))
  expect(output.created).toMatchObject({ user_id: as, title: 'Buy milk', completed: false })
  expect(output.changed).toMatchObject({ id: output.created.id, completed: true })
  expect(output.open).toEqual([])
})
