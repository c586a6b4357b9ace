import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openApiDocument } from '#lib/openapi/document'
import { operations } from '#lib/openapi/operations'
import { document } from '#tests/support/document'

interface RouteFile {
  readonly OPTIONS?: { readonly allow: string }
}

async function servedMethods(): Promise<string[]> {
  const files = globSync('app/**/route.ts').filter((file) => !file.includes('[...'))
  expect(files.length).toBeGreaterThan(15)
  const served = await Promise.all(
    files.map(async (file) => {
      const { OPTIONS }: RouteFile = await import(join(process.cwd(), file))
      const path =
        dirname(file)
          .replace(/^app/, '')
          .replaceAll(/\[(\w+)\]/g, '{$1}') || '/'
      const methods = OPTIONS?.allow.split(', ') ?? []
      return methods
        .filter((method) => method !== 'HEAD' && method !== 'OPTIONS')
        .map((method) => `${method} ${path}`)
    }),
  )
  return served.flat().sort()
}

test('the document has every path and method that the route files serve, and no other', async () => {
  const described = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(described.sort()).toEqual(await servedMethods())
  expect(described.length).toBeGreaterThan(3 * operations.length)
})

test('each operation has an id of its own', () => {
  const ids = Object.values(document.paths).flatMap((item) =>
    Object.values(item).map(({ operationId }) => operationId),
  )
  expect(new Set(ids).size).toBe(ids.length)
})

for (const [envelope, cookie] of [['array'], ['tasks'], ['items', 'a.session_token']] as const) {
  test(`the document passes the recommended rules of Redocly with lists as ${envelope}, session cookie: ${cookie}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'openapi-'))
    try {
      const file = join(folder, 'openapi.json')
      writeFileSync(file, JSON.stringify(openApiDocument(envelope, cookie)))
      const command = ['lint', '--config', 'redocly.yaml', '--format', 'json', file]
      const output = execFileSync('node_modules/.bin/redocly', command, {
        env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      expect(JSON.parse(String(output))).toMatchObject({ totals: { errors: 0, warnings: 0 } })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
