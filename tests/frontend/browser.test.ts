import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { copyExample, guideFiles, startExample, tokenWays } from '#tests/support/frontend'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { testSecret } from '#tests/support/secret'
import { freePort, portOrFree, startService } from '#tests/support/service'

const server = postgresAt(inject('postgresPort'))

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
const newAccount = () => ({
  name: 'Anna',
  email: `${crypto.randomUUID()}@example.com`,
  password: 'correct horse battery',
})

describe.skipIf(executablePath === undefined)('in Chromium (needs /usr/bin/chromium)', () => {
  let browser: Browser
  /** The example as it is, with nothing set where the ports are free. */
  let plainOrigin: string
  let plainApiUrl: string
  /** The example as the guide changes it for a database that it shares with the service. */
  let origin: string
  let apiUrl: string
  let foreignOrigin: string
  const stops: (() => unknown)[] = []

  beforeAll(async () => {
    const [plain, api] = [await portOrFree(3000), await portOrFree(8000)]
    const [shared, sharedApi, foreign] = [await freePort(), await freePort(), await freePort()]
    plainOrigin = `http://localhost:${plain}`
    plainApiUrl = `http://localhost:${api}`
    origin = `http://localhost:${shared}`
    apiUrl = `http://localhost:${sharedApi}`
    foreignOrigin = `http://localhost:${foreign}`
    const foreignPage = createServer((_, response) => response.end('')).listen(foreign)
    stops.push(() => foreignPage.close())
    await Promise.all([
      startPlain(plain, api),
      startShared(shared, sharedApi),
      chromium.launch({ executablePath: executablePath ?? '', args: flags }).then((launched) => {
        browser = launched
        stops.push(() => launched.close())
      }),
    ])
  })
  afterAll(() => Promise.all(stops.map((stop) => stop())))

  async function startPlain(port: number, apiPort: number) {
    const settings = {
      ...(port !== 3000 && { BETTER_AUTH_URL: plainOrigin }),
      ...(apiPort !== 8000 && { NEXT_PUBLIC_API_URL: plainApiUrl }),
    }
    stops.push(await startExample(copyExample('example'), port, settings))
    const service = await startService('node', {
      PORT: String(apiPort),
      DATABASE_URL: server.url(await createDatabase(server)),
      BETTER_AUTH_URL: plainOrigin,
      CORS_ORIGINS: plainOrigin,
    })
    stops.push(() => service.stop('SIGKILL'))
  }

  async function startShared(port: number, apiPort: number) {
    const settings = {
      DATABASE_URL: server.url(await createDatabase(server)),
      BETTER_AUTH_SECRET: testSecret,
      BETTER_AUTH_URL: origin,
    }
    const folder = copyExample('shared-example', guideFiles(apiUrl))
    // It makes the table of sessions, without which the service does not start.
    const env = { ...settings, NEXT_PUBLIC_API_URL: apiUrl }
    stops.push(await startExample(folder, port, env))
    const service = await startService('node', {
      ...settings,
      PORT: String(apiPort),
      CORS_ORIGINS: origin,
      USERS_TABLE: 'user',
      SESSION_TOKENS: 'true',
    })
    stops.push(() => service.stop('SIGKILL'))
  }

  /** A page of the example, of somebody who has signed up by hand. */
  async function signedUpByHand(at: string, way = 0, account = newAccount()): Promise<Page> {
    const page = await (await browser.newContext()).newPage()
    // Next compiles the page for the first of them.
    page.setDefaultTimeout(120_000)
    page.on('dialog', (dialog) => dialog.accept())
    await page.addInitScript((chosen) => localStorage.setItem('way', String(chosen)), way)
    await page.goto(at)
    await page.getByRole('button', { name: 'Create an account' }).click()
    await page.getByLabel('Name').fill(account.name)
    await signIn(page, account.email, account.password)
    await page.getByText('There are no tasks here.').waitFor()
    return page
  }

  async function signIn(page: Page, email: string, password: string) {
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(password)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Tasks' }).waitFor()
  }

  async function add(page: Page, title: string) {
    await page.getByLabel('New task').fill(title)
    await page.keyboard.press('Enter')
    await page.getByText(`“${title}” is on the list.`).waitFor()
    await page.getByRole('checkbox', { name: title, exact: true }).waitFor()
  }

  async function edit(page: Page, title: string, newTitle: string) {
    await page.getByRole('button', { name: `Edit ${title}` }).press('Enter')
    await page.getByLabel('Title').fill(newTitle)
    await page.keyboard.press('Enter')
  }

  async function createTen(page: Page) {
    const { token } = await (await page.request.get(`${plainOrigin}/api/auth/token`)).json()
    for (let number = 1; number <= 10; number += 1) {
      await page.request.post(`${plainApiUrl}/api/tasks`, {
        data: { title: `Task ${number}` },
        headers: { authorization: `Bearer ${token}` },
      })
    }
  }

  const titles = (page: Page) =>
    page
      .getByRole('list', { name: 'Tasks' })
      .getByRole('checkbox')
      .evaluateAll((boxes) => boxes.map((box) => box.parentElement?.innerText))

  test('the example, as it is, has all that a person does with tasks, and a second one sees none', async () => {
    const account = newAccount()
    const page = await signedUpByHand(plainOrigin, 0, account)
    await createTen(page)
    await add(page, 'Task 11')
    await page.getByRole('button', { name: 'Next', exact: true }).click()
    await page.getByText('Page 2').waitFor()
    await expect.poll(() => titles(page)).toEqual(['Task 1'])
    await page.getByRole('button', { name: 'Delete Task 1' }).press('Enter')
    await page.getByText('“Task 1” is deleted.').waitFor()
    await page.getByRole('button', { name: 'Previous' }).click()
    await expect.poll(async () => (await titles(page))[0]).toBe('Task 11')

    await page.getByLabel('Search').fill('k 7')
    await page.keyboard.press('Enter')
    await expect.poll(() => titles(page)).toEqual(['Task 7'])
    await edit(page, 'Task 7', 'x'.repeat(201))
    await page.getByRole('alert').filter({ hasText: 'at most 200 characters' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Edit Task 7' }).and(page.locator(':focus')).waitFor()

    const other = await signedUpByHand(plainOrigin)
    expect(await titles(other)).toEqual([])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await signIn(page, account.email, account.password)
    await expect.poll(() => titles(page)).toHaveLength(10)
  })

  test.each(tokenWays.map((name, way) => ({ name, way })))(
    'the example of the guide lists, creates, edits, completes and deletes $name',
    async ({ way }) => {
      const page = await signedUpByHand(origin, way)
      const devTools = await page.context().newCDPSession(page)
      await devTools.send('Network.enable')
      let preflights = 0
      devTools.on('Network.requestWillBeSent', ({ request }) => {
        if (request.method === 'OPTIONS') preflights += 1
      })

      await add(page, 'Buy milk')
      await edit(page, 'Buy milk', 'Buy oat milk')
      await page.getByText('“Buy oat milk” is saved.').waitFor()
      await page.getByRole('checkbox', { name: 'Buy oat milk' }).check()
      await page.getByLabel('Show').selectOption('open')
      await page.getByText('There are no tasks here.').waitFor()
      await page.getByLabel('Show').selectOption('done')
      await expect.poll(() => titles(page)).toEqual(['Buy oat milk'])
      await page.getByRole('button', { name: 'Delete Buy oat milk' }).click()
      await page.getByText('There are no tasks here.').waitFor()
      expect(preflights).toBeGreaterThan(0)
    },
  )

  test('a change that somebody else was faster with is told, and made only if they insist', async () => {
    const page = await signedUpByHand(plainOrigin)
    await add(page, 'Buy milk')
    const late = await page.context().newPage()
    await late.goto(plainOrigin)
    await late.getByRole('button', { name: 'Edit Buy milk' }).click()
    await late.getByLabel('Title').fill('Buy tea')
    await edit(page, 'Buy milk', 'Buy oat milk')
    await page.getByText('“Buy oat milk” is saved.').waitFor()
    await late.keyboard.press('Enter')
    await late.getByRole('alert').filter({ hasText: 'to “Buy oat milk”' }).waitFor()
    expect(await late.getByLabel('Title').inputValue()).toBe('Buy tea')
    await late.keyboard.press('Enter')
    await expect.poll(() => titles(late)).toEqual(['Buy tea'])
  })

  test('whoever is signed out is sent to sign-in, and the service not asked again and again', async () => {
    const page = await signedUpByHand(origin, 1)
    const refused: string[] = []
    page.on('response', (response) => {
      if (response.status() === 401) refused.push(response.request().method())
    })
    await page.context().clearCookies()
    await page.getByLabel('New task').fill('Buy milk')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(refused).toEqual(['POST', 'POST'])
  })

  /** A page without scripts, of somebody who has signed up by a request. */
  async function signedUp(): Promise<{ page: Page; userId: string }> {
    const context = await browser.newContext()
    const answer = await context.request.post(`${origin}/api/auth/sign-up/email`, {
      data: newAccount(),
      headers: { origin },
    })
    const page = await context.newPage()
    await page.goto(`${origin}/api/auth/ok`)
    return { page, userId: (await answer.json()).user.id }
  }

  /** Calls the service through the rewrite of the page's own origin, with nothing but the cookie. */
  function throughRewrite(page: Page, method: string, path: string, body?: object) {
    return page.evaluate(
      async ([verb, target, json]) => {
        const headers = { 'content-type': 'application/json' }
        const init = { method: verb, headers, ...(json !== undefined && { body: json }) }
        const response = await fetch(`/api/proxy${target}`, init)
        const text = await response.text()
        return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
      },
      [method, path, body && JSON.stringify(body)] as const,
    )
  }

  test('a rewrite of a Next frontend passes the session cookie on, and no token is in the browser', async () => {
    const { page, userId } = await signedUp()
    expect(await page.evaluate(() => document.cookie)).toBe('')
    const devTools = await page.context().newCDPSession(page)
    await devTools.send('Network.enable')
    const read = new Promise<Record<string, string>>((resolve) => {
      devTools.on('Network.requestWillBeSentExtraInfo', ({ headers }) => resolve(headers))
    })

    expect(await throughRewrite(page, 'GET', '/tasks')).toEqual({ status: 200, body: [] })
    const sent = Object.keys(await read).map((name) => name.toLowerCase())
    expect(sent).toContain('cookie')
    expect(sent).not.toContain('origin')
    const created = await throughRewrite(page, 'POST', '/tasks', { title: 'Buy milk' })
    expect(created).toMatchObject({ status: 201, body: { user_id: userId } })
    const task = `/tasks/${created.body.id}`
    const toggled = await throughRewrite(page, 'PATCH', `${task}/complete`)
    expect(toggled).toMatchObject({ status: 200, body: { completed: true } })
    const edited = await throughRewrite(page, 'PUT', task, { title: 'Buy oat milk' })
    expect(edited).toMatchObject({ status: 200, body: { title: 'Buy oat milk' } })
    await page.reload()
    const { body: kept } = await throughRewrite(page, 'GET', '/tasks')
    expect(kept).toMatchObject([{ title: 'Buy oat milk', completed: true }])

    const other = await signedUp()
    expect(await throughRewrite(other.page, 'GET', '/tasks')).toEqual({ status: 200, body: [] })
    expect((await throughRewrite(other.page, 'GET', task)).status).toBe(404)
    expect((await throughRewrite(page, 'DELETE', task)).status).toBe(204)
    await page.evaluate(() =>
      fetch('/api/auth/sign-out', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      }),
    )
    expect((await throughRewrite(page, 'GET', '/tasks')).status).toBe(401)
  })

  test('a page of a foreign origin gets and does nothing through the rewrite', async () => {
    const { page } = await signedUp()
    await throughRewrite(page, 'POST', '/tasks', { title: 'Secret' })
    await page.goto(foreignOrigin)
    const outcomes = await page.evaluate(async (url) => {
      const body = '{"title":"Planted"}'
      const attempts: RequestInit[] = [
        { credentials: 'include' },
        { credentials: 'include', mode: 'no-cors' },
        { method: 'POST', credentials: 'include', body },
        { method: 'POST', credentials: 'include', body, mode: 'no-cors' },
      ]
      return await Promise.all(
        attempts.map((attempt) =>
          fetch(url, attempt).then(
            async (response) => `${response.type} ${await response.text()}`,
            (error: Error) => error.name,
          ),
        ),
      )
    }, `${origin}/api/proxy/tasks`)
    expect(outcomes).toEqual(['TypeError', 'opaque ', 'TypeError', 'opaque '])
    await page.goto(`${origin}/api/auth/ok`)
    const { body: tasks } = await throughRewrite(page, 'GET', '/tasks')
    expect(tasks).toMatchObject([{ title: 'Secret' }])
  })

  test.each([
    ['omit', ''],
    ['omit', '/'],
    ['include', ''],
    ['include', '/'],
  ] as const)(
    'every method works with credentials: %s and the path ending in "%s"',
    async (credentials, end) => {
      const { page } = await signedUp()
      const statuses = await page.evaluate(
        async ([url, mode, slash]) => {
          const { token } = await (await fetch('/api/auth/token')).json()
          const send = (method: string, path: string, body?: object) =>
            fetch(url + path + slash, {
              method,
              credentials: mode,
              headers: {
                authorization: `Bearer ${token}`,
                'content-type': 'application/json',
              },
              ...(body && { body: JSON.stringify(body) }),
            })
          const created = await send('POST', '/api/tasks', { title: 'Buy milk' })
          const task = `/api/tasks/${(await created.json()).id}`
          const answers = [
            created,
            await send('GET', '/api/tasks'),
            await send('GET', task),
            await send('PUT', task, { title: 'Buy tea' }),
            await send('PATCH', `${task}/complete`),
            await send('DELETE', task),
            await send('GET', task),
          ]
          return answers.map(({ status }) => status)
        },
        [apiUrl, credentials, end] as const,
      )
      expect(statuses).toEqual([201, 200, 200, 200, 200, 204, 404])
    },
  )

  test('a page of a foreign origin gets nothing, though the browser sends it the cookie', async () => {
    const { page } = await signedUp()
    await throughRewrite(page, 'POST', '/tasks', { title: 'Secret' })
    const token = await page.evaluate(async () => (await fetch('/api/auth/token')).json())
    await page.goto(foreignOrigin)
    const outcomes = await page.evaluate(
      async ([url, stolen]) => {
        const path = `${url}/api/tasks`
        const body = '{"title":"Planted"}'
        const authorization = `Bearer ${stolen}`
        const attempts: RequestInit[] = [
          {},
          { credentials: 'include' },
          { headers: { authorization } },
          { method: 'POST', credentials: 'include', body },
          { method: 'POST', credentials: 'include', body, mode: 'no-cors' },
          { method: 'DELETE', credentials: 'include' },
        ]
        return await Promise.all(
          attempts.map((attempt) =>
            fetch(path, attempt).then(
              async (response) => `${response.type} ${await response.text()}`,
              (error: Error) => error.name,
            ),
          ),
        )
      },
      [apiUrl, token.token] as const,
    )
    const nothing = 'TypeError'
    expect(outcomes).toEqual([nothing, nothing, nothing, nothing, 'opaque ', nothing])
    await page.goto(`${origin}/api/auth/ok`)
    const { body: tasks } = await throughRewrite(page, 'GET', '/tasks')
    expect(tasks).toMatchObject([{ title: 'Secret' }])
  })
})
