import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { hasChromium, launchChromium } from '#tests/frontend/chromium'
import { serve } from '#tests/support/serve'
import { newUser, tokenFor } from '#tests/support/tokens'

/** Where a proxy or a rewrite serves the service under a prefix, and nothing beside it. */
const prefixed = 'http://proxy.test/a/prefix'

async function authorize(page: Page, token: string): Promise<void> {
  await page.getByRole('button', { name: 'Authorize' }).click()
  const dialog = page.locator('.modal-ux')
  expect(await dialog.innerText()).toContain('npm run token')
  await dialog.getByRole('textbox').fill(token)
  await dialog.getByRole('button', { name: 'Apply credentials' }).click()
  await dialog.getByRole('button', { name: 'Close' }).click()
}

/** Opens an operation, sends it as it is offered, and returns the answer that the page shows. */
async function tryOut(page: Page, operation: string, id?: string) {
  const block = page.locator(`#operations-Tasks-${operation}`)
  await block.locator('.opblock-summary').click()
  await block.getByRole('button', { name: 'Try it out' }).click()
  if (id !== undefined) await block.locator('tr[data-param-name="id"] input').fill(id)
  await block.getByRole('button', { name: 'Execute' }).click()
  const answer = block.locator('.live-responses-table tbody')
  const status = answer.locator('td.response-col_status').first()
  await status.waitFor()
  return { status: (await status.innerText()).trim(), text: await answer.innerText() }
}

test.skipIf(!hasChromium)('a person can sign in on the reference page and try it out', async () => {
  await using service = await serve('node')
  await using browser = await launchChromium()
  const page = await browser.newPage({ reducedMotion: 'reduce' })
  const asked: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(`${service.url}/docs`)
  await authorize(page, await tokenFor(newUser()))

  const created = await tryOut(page, 'createTask')
  expect(created.status).toBe('201')
  const id = /"id": "([^"]+)"/.exec(created.text)?.[1] ?? ''
  // What every answer has stands above the operations, and not at each of their answers.
  const said = page.locator('.info')
  await said.getByText('X-Request-Id').first().waitFor()
  expect(await said.innerText()).toMatch(/Cache-Control.*RateLimit.*Server-Timing/s)
  const tables = await page.locator('table.headers').allInnerTexts()
  expect(tables.join()).toMatch(/ETag.*Location.*WWW-Authenticate.*Retry-After/s)
  expect(tables.join()).not.toMatch(/X-Request-Id|Cache-Control|RateLimit|Server-Timing/)

  expect(await tryOut(page, 'updateTask', id)).toMatchObject({ status: '200' })
  expect(await tryOut(page, 'deleteTask', id)).toMatchObject({ status: '204' })

  await page.route(`${prefixed}/**`, async (route) => {
    const url = route.request().url().replace(prefixed, service.url)
    await route.fulfill({ response: await route.fetch({ url }) })
  })
  for (const slash of ['', '/']) {
    await page.goto(`${prefixed}/docs${slash}`)
    await authorize(page, await tokenFor(newUser()))
    expect(await tryOut(page, 'createTask')).toMatchObject({ status: '201' })
  }

  const known = [`${service.url}/`, `${prefixed}/`, 'data:', 'blob:']
  const foreign = asked.filter((url) => !known.some((own) => url.startsWith(own)))
  expect(asked.length).toBeGreaterThan(6)
  expect(foreign).toEqual([])
  expect(complaints).toEqual([])
})
