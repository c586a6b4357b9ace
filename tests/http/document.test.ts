import { expect, test } from 'vitest'
import { problemTypes } from '#lib/http/errors'
import { call } from '#tests/support/api'
import { document } from '#tests/support/document'

test('/openapi.json is the document that the answers are checked against', async () => {
  const answer = await call('GET', '/openapi.json')
  expect(answer.status).toBe(200)
  expect(answer.json<unknown>()).toEqual(document)
})

test.each([
  ['/docs', 3],
  ['/docs/', 3],
  ['/docs/errors', 1],
  ['/docs/errors/', 1],
])('the page at %s leads to its %i parts under any prefix, and nowhere else', async (at, count) => {
  const page = await call('GET', at)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  const links = Array.from(page.text.matchAll(/(?:src|href)="([^":]*)"/g), ([, link = '']) => link)
  expect(links).toHaveLength(count)
  for (const link of links) {
    const { pathname } = new URL(link, `http://service/prefix${at}`)
    expect(pathname).toMatch(/^\/prefix\//)
    const part = await call('GET', pathname.replace('/prefix', ''))
    expect([link, part.status]).toEqual([link, 200])
    expect(part.headers.get('content-type')).toMatch(/^text\/(css|html|javascript)/)
  }
  expect(page.text).not.toMatch(/https?:/)
})

test('the links of the document hold under a prefix', async () => {
  const { externalDocs, servers } = JSON.parse((await call('GET', '/openapi.json')).text)
  const resolved = [externalDocs.url, servers[0].url].map(
    (url) => new URL(url, 'http://service/prefix/openapi.json').pathname,
  )
  expect(resolved).toEqual(['/prefix/docs/errors', '/prefix/'])
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
