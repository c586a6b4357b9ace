import { expect, test } from 'vitest'
import { problemTypes } from '#lib/http/errors'
import { call } from '#tests/support/api'
import { document } from '#tests/support/document'

test('/openapi.json is the document that the answers are checked against', async () => {
  const answer = await call('GET', '/openapi.json')
  expect(answer.status).toBe(200)
  expect(answer.json<unknown>()).toEqual(document)
})

test.each(['/docs', '/docs/'])('the reference page at %s comes with all its parts', async (at) => {
  const page = await call('GET', at)
  expect(page.status).toBe(200)
  const policy = page.headers.get('content-security-policy')
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("script-src 'self'")
  const parts = partsOf(page.text, at)
  expect(parts).toHaveLength(3)
  for (const path of parts) {
    const part = await call('GET', path)
    expect([path, part.status]).toEqual([path, 200])
    expect(part.headers.get('content-type')).toMatch(/^text\/(css|javascript)/)
  }
  expect(page.text).not.toMatch(/https?:/)
})

test('the pages of the reference lead to each other under a prefix', async () => {
  for (const at of ['/docs/errors', '/docs/errors/']) {
    const page = await call('GET', at)
    expect(partsOf(page.text, at)).toEqual(['/docs'])
  }
  const { externalDocs, servers } = JSON.parse((await call('GET', '/openapi.json')).text)
  const resolved = [externalDocs.url, servers[0].url].map(
    (url) => new URL(url, 'http://service/prefix/openapi.json').pathname,
  )
  expect(resolved).toEqual(['/prefix/docs/errors', '/prefix/'])
})

/** The links of a page that is served under a prefix, without the prefix. */
function partsOf(text: string, at: string): string[] {
  const links = Array.from(text.matchAll(/(?:src|href)="([^":]*)"/g), ([, link = '']) => link)
  return links.map((link) => {
    const { pathname } = new URL(link, `http://service/prefix${at}`)
    expect(pathname).toMatch(/^\/prefix\//)
    return pathname.replace('/prefix', '')
  })
}

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
