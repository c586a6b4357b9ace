import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
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
  const folder = mkdtempSync(join(tmpdir(), 'openapi-'))
  try {
    const files = await Promise.all(
      variants.map(async (settings, index) => {
        const file = join(folder, `${index}.json`)
        const served = withTasksPath(routeFiles, settings.TASKS_PATH)
        const described = await openApiDocument(served, { ...plainSettings, ...settings })
        writeFileSync(file, JSON.stringify(described))
        return file
      }),
    )
    const command = ['lint', '--config', 'redocly.yaml', '--format', 'json', ...files]
    const output = execFileSync('node_modules/.bin/redocly', command, {
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const said = String(output).matchAll(/"totals":\s*(\{[^}]*\})/g)
    const totals = Array.from(said, ([, counts = '']) => JSON.parse(counts))
    expect(totals.length).toBeGreaterThan(0)
    for (const counts of totals) expect(counts).toMatchObject({ errors: 0, warnings: 0 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
