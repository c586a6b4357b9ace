import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { routeFiles } from '#app/route-files'
import { problemTypes } from '#lib/http/errors'
import type { OperationHandler } from '#lib/http/methods'
import { openApiDocument } from '#lib/openapi/document'
import { withTasksPath } from '#lib/tasks/tasks-path'
import { document, type OperationObject, plainSettings } from '#tests/support/document'

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

test.each(['completed', 'is_completed'] as const)(
  'with COMPLETION_FIELD=%s the document has the other name nowhere but as a filter',
  async (field) => {
    const other = field === 'completed' ? 'is_completed' : 'completed'
    const settings = { ...plainSettings, COMPLETION_FIELD: field }
    const text = JSON.stringify(await openApiDocument(routeFiles, settings))
    expect(text).toContain(`"${field}":{"type":"boolean"`)
    expect(text).not.toMatch(new RegExp(`"${other}":(?:\\{"(?:type|description)|true|false)`))
    expect(JSON.parse(text).components.schemas.Task.required).toContain(field)
  },
)

test.each([
  ['/api/todos', '/api/tasks'],
  ['/api/task', '/api/tasks'],
  ['/api/users/{user_id}/tasks', '/api/{userId}/tasks'],
])('TASKS_PATH=%s has each operation of %s in the document', async (tasksPath, served) => {
  const files = withTasksPath(routeFiles, tasksPath)
  const settings = { ...plainSettings, TASKS_PATH: tasksPath }
  const { paths } = JSON.parse(JSON.stringify(await openApiDocument(files, settings)))
  const answersOf = (path: string) =>
    Object.entries<OperationObject>(paths[path]).map(([method, { responses }]) => [
      ...[method, Object.keys(responses)],
    ])
  const added = tasksPath.replace('{user_id}', '{userId}')
  for (const part of ['', '/{id}', '/{id}/complete', '/{id}/toggle']) {
    expect(answersOf(added + part)).toEqual(answersOf(served + part))
  }
  expect(paths['/api/tasks'].get).toEqual(document.paths['/api/tasks']?.get)
})

test('the document has nothing that generators of clients stumble over', () => {
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item))
  const statuses = operations.flatMap(({ responses }) => Object.keys(responses))
  expect(statuses.filter((status) => !/^\d{3}$/.test(status))).toEqual([])
  // They put patterns into regular expressions of their own, with or without another escape.
  const text = JSON.stringify(document)
  const patterns = Array.from(text.matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/g), ([, found]) => found)
  expect(patterns.length).toBeGreaterThan(3)
  expect(patterns.filter((pattern) => pattern?.includes('\\/'))).toEqual([])
})

test('each error is an answer of some operation, or the document says its status of all', () => {
  const { components, info } = JSON.parse(JSON.stringify(document))
  const described = JSON.stringify(components.responses)
  for (const [code, { status }] of Object.entries(problemTypes)) {
    const isSomewhere = described.includes(`"${code}"`)
    expect([code, isSomewhere || info.description.includes(`a ${status}`)]).toEqual([code, true])
  }
})
