import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'todo-'))
const file = join(folder, '.env.local')
afterAll(() => rmSync(folder, { recursive: true }))

/** Starts as a developer's process does, in the folder. @returns what it prints */
function begin(variables: Record<string, string> = {}): string {
  const module = pathToFileURL(resolve('lib/config/development-secret.ts')).href
  const program = `(await import('${module}')).ensureDevelopmentSecret()`
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    env: { NODE_ENV: 'development', ...variables },
    encoding: 'utf8',
  })
}

test('a missing secret is generated into .env.local once, and leaves what is there as it is', () => {
  writeFileSync(file, 'PORT=9000')
  expect(begin()).toContain('Generated BETTER_AUTH_SECRET')
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  expect(lines).toEqual(['PORT=9000', expect.stringMatching(/^BETTER_AUTH_SECRET=[\w-]{43}$/)])

  expect(begin({ BETTER_AUTH_SECRET: 'x' })).toBe('')
  expect(begin({ BETTER_AUTH_SECRETS: '1:x' })).toBe('')
  expect(begin({ NODE_ENV: 'production' })).toBe('')
  expect(readFileSync(file, 'utf8').trim().split('\n')).toEqual(lines)
})
