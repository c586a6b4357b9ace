import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { routeFiles } from '#app/route-files'
import type { OperationHandler } from '#lib/http/operation'
import { openApiDocument } from '#lib/openapi/document'
import { document } from '#tests/support/document'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Every method that a route file says it has, with what the file exports for it. */
async function served() {
  const files = globSync('app/**/route.ts').filter((file) => !file.includes('[...'))
  expect(files.length).toBeGreaterThan(15)
  const found = files.map(async (file) => {
    const exported: Record<string, Partial<OperationHandler> & { readonly allow?: string }> =
      await import(join(process.cwd(), file))
    const folder = dirname(file).replace(/^app/, '')
    const path = folder.replaceAll(/\[(\w+)\]/g, '{$1}') || '/'
    const allowed = exported['OPTIONS']?.allow?.split(', ') ?? []
    return allowed
      .filter((method) => methods.includes(method))
      .map((method) => ({ path, method, operation: exported[method]?.operation }))
  })
  return (await Promise.all(found)).flat()
}

test('every method that a route file serves has an operation, and needs credentials under /api', async () => {
  const found = await served()
  expect(found.length).toBeGreaterThan(30)
  for (const { path, method, operation } of found) {
    expect(operation, `${method} ${path} has no operation`).toBeDefined()
    expect(operation?.isPublic ?? false, `${method} ${path}`).toBe(!path.startsWith('/api'))
  }
})

test('the document has every path and method that the route files serve, and no other', async () => {
  const described = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const all = (await served()).map(({ method, path }) => `${method} ${path}`)
  expect(described.sort()).toEqual(all.sort())
})

test('each operation has an id of its own', () => {
  const ids = Object.values(document.paths).flatMap((item) =>
    Object.values(item).map(({ operationId }) => operationId),
  )
  expect(new Set(ids).size).toBe(ids.length)
})

test('the document passes the recommended rules of Redocly, however lists and cookies are set', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openapi-'))
  try {
    const files = await Promise.all(
      ([['array'], ['tasks'], ['items', 'a.session_token']] as const).map(
        async ([envelope, sessionCookie]) => {
          const file = join(folder, `${envelope}.json`)
          const settings = { envelope, sessionCookie }
          writeFileSync(file, JSON.stringify(await openApiDocument(routeFiles, settings)))
          return file
        },
      ),
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
