import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newDatabase } from '#tests/support/databases'

test('one PATCH on Postgres passes at most 30 files, and the picture of the architecture shows them all', async () => {
  const env = { ...process.env, DATABASE_URL: (await newDatabase()).url }
  const printed = execFileSync(process.execPath, ['tests/database/files-of-request.ts'], {
    encoding: 'utf8',
    env,
  })
  const passed: string[] = JSON.parse(printed)
  const page = readFileSync('docs/architecture.md', 'utf8')
  const [, picture = ''] = /```mermaid([\s\S]*?)```/.exec(page) ?? []
  const shown = Array.from(picture.matchAll(/(?:app|lib|db|server)\/[\w/[\].-]+\.ts/g), String)
  expect(shown.sort()).toEqual(passed)
  expect(passed.length).toBeLessThanOrEqual(30)
})
