import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, inject, test } from 'vitest'

test('a missing secret is generated into .env.local once, and leaves what is there as it is', () => {
  const folder = mkdtempSync(join(inject('runFolder'), 'secret-'))
  const file = join(folder, '.env.local')
  writeFileSync(file, 'PORT=9000')
  const module = pathToFileURL(resolve('lib/config/development-secret.ts')).href
  const program = `(await import('${module}')).ensureDevelopmentSecret()`
  const begin = (variables: Record<string, string> = {}) =>
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: folder,
      env: { NODE_ENV: 'development', ...variables },
      encoding: 'utf8',
    })
  expect(begin()).toContain('Generated BETTER_AUTH_SECRET')
  const text = readFileSync(file, 'utf8')
  expect(text).toMatch(/^PORT=9000\nBETTER_AUTH_SECRET=[\w-]{43}\n?$/)
  for (const name of ['BETTER_AUTH_SECRET', 'BETTER_AUTH_SECRETS']) {
    expect(begin({ [name]: '1:x' })).toBe('')
  }
  expect(begin({ NODE_ENV: 'production' })).toBe('')
  expect(readFileSync(file, 'utf8')).toBe(text)
})
