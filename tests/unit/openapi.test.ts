import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { problemTypes } from '#lib/http/errors'
import { document, operations } from '#tests/support/document'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

// Whether those under /api need credentials is asked of the service: `tests/http/credentials.test.ts`.
test('the document has every path and method that the route files serve, and no other', async () => {
  const files = globSync('app/**/route.ts').filter((file) => !file.includes('[...'))
  const served = files.map(async (file) => {
    const { OPTIONS } = await import(join(process.cwd(), file))
    const path =
      dirname(file)
        .replace(/^app/, '')
        .replaceAll(/\[(\w+)\]/g, '{$1}') || '/'
    const allowed: string[] = OPTIONS.allow.split(', ')
    return allowed.filter((method) => methods.includes(method)).map((method) => `${method} ${path}`)
  })
  const described = operations.map(({ method, path }) => `${method} ${path}`)
  expect(described.length).toBeGreaterThan(30)
  expect(described.sort()).toEqual((await Promise.all(served)).flat().sort())
})

test('each error is an answer of some operation, or the document says its status of all', () => {
  const { components, info } = JSON.parse(JSON.stringify(document))
  const described = JSON.stringify(components.responses)
  for (const [code, { status }] of Object.entries(problemTypes)) {
    const isSomewhere = described.includes(`"${code}"`)
    expect([code, isSomewhere || info.description.includes(`a ${status}`)]).toEqual([code, true])
  }
})
