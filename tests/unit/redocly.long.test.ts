import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { routeFiles } from '#app/route-files'
import { type DocumentOptions, openApiDocument } from '#lib/openapi/document'
import { withTasksPath } from '#lib/tasks/tasks-path'
import { plainSettings } from '#tests/support/document'

const variants: Partial<DocumentOptions>[] = [
  {},
  { LIST_ENVELOPE: 'tasks', COMPLETION_FIELD: 'completed', TASKS_PATH: '/api/todos' },
  {
    ...{ LIST_ENVELOPE: 'items', COMPLETION_FIELD: 'is_completed', DELETE_ANSWER: 'task' },
    ...{ sessionCookie: 'a.session_token', TASKS_PATH: '/api/users/{user_id}/tasks' },
  },
]

test('the document passes the recommended rules of Redocly, whatever the settings', async () => {
  const folder = mkdtempSync(join(inject('runFolder'), 'openapi-'))
  for (const [index, settings] of variants.entries()) {
    const served = withTasksPath(routeFiles, settings.TASKS_PATH)
    const described = await openApiDocument(served, { ...plainSettings, ...settings })
    writeFileSync(join(folder, `${index}.json`), JSON.stringify(described))
  }
  const files = variants.map((_, index) => join(folder, `${index}.json`))
  const command = ['lint', '--config', 'redocly.yaml', '--format', 'json', ...files]
  const output = execFileSync('node_modules/.bin/redocly', command, {
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const totals = Array.from(String(output).matchAll(/"totals":\s*(\{[^}]*\})/g))
  expect(totals.length).toBeGreaterThan(0)
  for (const [, counts = ''] of totals) {
    expect(JSON.parse(counts)).toMatchObject({ errors: 0, warnings: 0 })
  }
})
