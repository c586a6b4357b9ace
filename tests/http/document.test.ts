import { expect, test } from 'vitest'
import { problemTypes } from '#lib/http/errors'
import { call } from '#tests/support/api'
import { document } from '#tests/support/document'

test('/openapi.json is the document that the answers are checked against', async () => {
  const answer = await call('GET', '/openapi.json')
  expect(answer.status).toBe(200)
  expect(answer.json<unknown>()).toEqual(document)
})

test('the reference page comes with all its parts and a policy of its own', async () => {
  const page = await call('GET', '/docs')
  expect(page.status).toBe(200)
  const policy = page.headers.get('content-security-policy')
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("script-src 'self'")
  const parts = Array.from(page.text.matchAll(/(?:src|href)="(\/[^"]*)"/g), ([, path = '']) => path)
  expect(parts).toHaveLength(3)
  for (const path of parts) {
    const part = await call('GET', path)
    expect([path, part.status]).toEqual([path, 200])
    expect(part.headers.get('content-type')).toMatch(/^text\/(css|javascript)/)
  }
  expect(page.text).not.toMatch(/https?:/)
})

test('what is no part of the reference page is a 404', async () => {
  for (const name of ['package.json', 'swagger-ui.js', '%2e%2e%2fpackage.json', 'constructor']) {
    const answer = await call('GET', `/docs/${name}/`)
    expect([name, answer.status]).toEqual([name, 404])
  }
})

test('the type of every error leads to its entry on a page', async () => {
  const page = await call('GET', '/docs/errors')
  const entries = Array.from(page.text.matchAll(/<section id="(\w+)">/g), ([, id]) => id)
  expect(entries).toEqual(Object.keys(problemTypes))
  const { problem } = await call('GET', '/api/tasks')
  const { pathname, hash } = new URL(problem.type, 'http://service')
  expect(pathname).toBe('/docs/errors')
  expect(entries).toContain(hash.slice(1))
})
