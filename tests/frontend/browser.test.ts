import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hasChromium, launchChromium } from '#tests/frontend/chromium'
import {
  rewritingExample,
  rewrittenUrl,
  serveShared,
  startExample,
  tokenWays,
} from '#tests/frontend/frontend'
import { newDatabase } from '#tests/support/databases'
import { freePort, startService } from '#tests/support/service'
import { testSecret, tokenFor } from '#tests/support/tokens'

/** The port itself, or another one where something listens on it. */
const portOrFree = (port: number) => freePort(port).catch(() => freePort())
const at = (port: number) => `http://localhost:${port}`
/** The example, with nothing set where the ports are free, and its service. */
const [examplePort, exampleApiPort] = [await portOrFree(3000), await portOrFree(8000)]
const [exampleOrigin, exampleApiUrl] = [at(examplePort), at(exampleApiPort)]
/** A frontend that shares its database with the service, that service, and another site. */
const [port, apiPort, foreignPort] = [await freePort(), await freePort(), await freePort()]
const [origin, apiUrl, foreignOrigin] = [at(port), at(apiPort), at(foreignPort)]

const newAccount = () => ({
  name: 'Anna',
  email: `${crypto.randomUUID()}@example.com`,
  password: 'correct horse battery',
})

/** What the pages of `serveShared` have of `lib/api.ts`. */
declare const api: {
  listTasks(filter?: object): Promise<{ tasks: Task[] }>
  createTask(input: object): Promise<Task>
  readTask(id: string): Promise<{ task: Task; etag: string | null }>
  updateTask(id: string, changes: object, etag: string | null): Promise<Task>
  setCompleted(id: string, completed: boolean): Promise<Task>
  deleteTask(id: string): Promise<void>
}
type Task = { id: string; title: string; completed: boolean; user_id: string }

describe.skipIf(!hasChromium)('in Chromium', () => {
  let browser: Browser
  const stops: (() => unknown)[] = []

  beforeAll(async () => {
    const databaseUrl = (await newDatabase()).url
    vi.stubEnv('DATABASE_URL', databaseUrl)
    vi.stubEnv('BETTER_AUTH_SECRET', testSecret)
    vi.stubEnv('BETTER_AUTH_URL', origin)
    vi.stubEnv('NEXT_RUNTIME', 'nodejs')
    const settings = {
      ...(examplePort !== 3000 && { BETTER_AUTH_URL: exampleOrigin }),
      ...(exampleApiPort !== 8000 && { NEXT_PUBLIC_API_URL: exampleApiUrl }),
    }
    stops.push(await startExample(rewritingExample(apiUrl), examplePort, settings))
    // It makes the table of sessions, without which the service does not start.
    stops.push(await serveShared(apiUrl, [port, foreignPort]))
    await serve(exampleApiPort, {
      DATABASE_URL: (await newDatabase()).url,
      BETTER_AUTH_URL: exampleOrigin,
      CORS_ORIGINS: exampleOrigin,
    })
    await serve(apiPort, {
      DATABASE_URL: databaseUrl,
      BETTER_AUTH_URL: origin,
      CORS_ORIGINS: `${origin},${exampleOrigin}`,
      USERS_TABLE: 'user',
      SESSION_TOKENS: 'true',
    })
    browser = await launchChromium()
    stops.push(() => browser.close())
  })
  afterAll(() => Promise.all(stops.map((stop) => stop())))

  async function serve(port: number, settings: Record<string, string>) {
    const service = await startService('node', { PORT: String(port), ...settings })
    stops.push(() => service.stop('SIGKILL'))
  }

  /** A page of the example, of somebody who has signed up by hand. */
  async function signedUpByHand(account = newAccount()): Promise<Page> {
    const page = await (await browser.newContext()).newPage()
    // Next compiles the page for the first of them.
    page.setDefaultTimeout(120_000)
    page.on('dialog', (dialog) => dialog.accept())
    await page.goto(exampleOrigin)
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
    const { token } = await (await page.request.get(`${exampleOrigin}/api/auth/token`)).json()
    const headers = { authorization: `Bearer ${token}` }
    for (let number = 1; number <= 10; number += 1) {
      const data = { title: `Task ${number}` }
      await page.request.post(`${exampleApiUrl}/api/tasks`, { data, headers })
    }
  }

  const titles = (page: Page) =>
    page
      .getByRole('list', { name: 'Tasks' })
      .getByRole('checkbox')
      .evaluateAll((boxes) => boxes.map((box) => box.parentElement?.innerText))

  test('the example has all that a person does with tasks, and a second one sees none', async () => {
    const account = newAccount()
    const page = await signedUpByHand(account)
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

    const other = await signedUpByHand()
    expect(await titles(other)).toEqual([])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await signIn(page, account.email, account.password)
    await expect.poll(() => titles(page)).toHaveLength(10)
  })

  test.each([...tokenWays.entries()])('lib/api.ts has the life of a task, %i: %s', async (way) => {
    const { page, userId } = await signedUp(way)
    const lived = await page.evaluate(async () => {
      const before = await api.listTasks()
      const created = await api.createTask({ title: 'Buy milk' })
      const { task, etag } = await api.readTask(created.id)
      const edited = await api.updateTask(task.id, { title: 'Buy oat milk' }, etag)
      await api.setCompleted(task.id, true)
      const completed = await api.listTasks({ status: 'completed' })
      await api.deleteTask(task.id)
      await api.deleteTask(task.id)
      return { before, created, edited, completed, after: await api.listTasks() }
    })
    expect(lived.before).toEqual({ tasks: [] })
    expect(lived.created).toMatchObject({ title: 'Buy milk', user_id: userId })
    expect(lived.edited).toMatchObject({ title: 'Buy oat milk' })
    expect(lived.completed.tasks).toMatchObject([{ title: 'Buy oat milk', completed: true }])
    expect(lived.after).toEqual({ tasks: [] })
  })

  test('a change that somebody else was faster with is told, and made only if they insist', async () => {
    const page = await signedUpByHand()
    await add(page, 'Buy milk')
    const late = await page.context().newPage()
    await late.goto(exampleOrigin)
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

  test('a task that is edited right after it was completed has been changed by nobody else', async () => {
    const page = await signedUpByHand()
    await add(page, 'Buy milk')
    // The completion is under way until the edit has been asked for.
    const edited = Promise.withResolvers<void>()
    await page.route('**/complete', async (route) => {
      await edited.promise
      await route.continue()
    })
    await page.getByRole('checkbox', { name: 'Buy milk' }).click()
    await page.getByRole('button', { name: 'Edit Buy milk' }).click()
    edited.resolve()
    await page.getByLabel('Title').fill('Buy oat milk')
    await page.keyboard.press('Enter')
    await page.getByText('“Buy oat milk” is saved.').waitFor()
  })

  test('whoever is signed out is told so, and not asked again and again', async () => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(origin)
    await page.waitForFunction(() => 'api' in window)
    const error = await page.evaluate(() =>
      api.listTasks().catch(({ name, status, code }) => ({ name, status, code })),
    )
    expect(error).toEqual({ name: 'ApiError', status: 401, code: 'credentials_missing' })
  })

  test('a page whose token is over goes on with a new one, but not with that of somebody who has signed in in another tab', async () => {
    const { page, userId } = await signedUp()
    const token = await tokenFor(userId, { exp: 1 })
    const expire = async () => {
      await page.reload()
      await page.waitForFunction(() => 'api' in window)
      await page.route(`${origin}/api/token`, (route) => route.fulfill({ json: { token } }), {
        times: 1,
      })
    }
    const createTwo = () =>
      page.evaluate(() => {
        const create = () =>
          api.createTask({ title: "Anna's" }).catch(({ status, code }) => ({ status, code }))
        return Promise.all([create(), create()])
      })
    await expire()
    const hers = { title: "Anna's", user_id: userId }
    expect(await createTwo()).toMatchObject([hers, hers])
    await expire()
    await signUpIn(page.context())
    const refused = { status: 401, code: 'token_expired' }
    expect(await createTwo()).toEqual([refused, refused])
    expect(await page.evaluate(() => api.listTasks())).toEqual({ tasks: [] })
  })

  async function signUpIn({ request }: BrowserContext) {
    const sent = { data: newAccount(), headers: { origin } }
    return await request.post(`${origin}/api/auth/sign-up/email`, sent)
  }

  /** A page of the shared frontend, of somebody who has signed up. */
  async function signedUp(way = 0): Promise<{ page: Page; userId: string }> {
    const context = await browser.newContext()
    const answer = await signUpIn(context)
    const page = await context.newPage()
    await page.goto(`${origin}/?way=${way}`)
    await page.waitForFunction(() => 'api' in window)
    return { page, userId: (await answer.json()).user.id }
  }

  /** The same on a page of the example, whose rewrite leads to the shared service. */
  async function beforeRewrite() {
    const user = await signedUp()
    await user.page.goto(`${exampleOrigin}/api/auth/ok`)
    return user
  }

  /** Calls the service through the rewrite of the page's own origin, with nothing but the cookie. */
  function throughRewrite(page: Page, method: string, path: string, body?: object) {
    return page.evaluate(
      async ([verb, target, json]) => {
        const headers = { 'content-type': 'application/json' }
        const init = { method: verb, headers, ...(json !== undefined && { body: json }) }
        const response = await fetch(target, init)
        return { status: response.status, body: await response.json() }
      },
      [method, `${rewrittenUrl}/api${path}`, body && JSON.stringify(body)] as const,
    )
  }

  test('a rewrite of a Next frontend passes the session cookie on, and no token is in the browser', async () => {
    const { page, userId } = await beforeRewrite()
    expect(await page.evaluate(() => document.cookie)).toBe('')
    expect(await throughRewrite(page, 'GET', '/tasks')).toEqual({ status: 200, body: [] })
    const created = await throughRewrite(page, 'POST', '/tasks', { title: 'Buy milk' })
    expect(created).toMatchObject({ status: 201, body: { user_id: userId } })
    await page.reload()
    const { body: kept } = await throughRewrite(page, 'GET', '/tasks')
    expect(kept).toEqual([created.body])

    const other = await beforeRewrite()
    expect(await throughRewrite(other.page, 'GET', '/tasks')).toEqual({ status: 200, body: [] })
    await page.request.post(`${origin}/api/auth/sign-out`, { data: {}, headers: { origin } })
    expect((await throughRewrite(page, 'GET', '/tasks')).status).toBe(401)
  })

  test('a page of a foreign origin gets nothing, directly or through the rewrite, though the browser sends the cookie', async () => {
    const { page } = await beforeRewrite()
    await throughRewrite(page, 'POST', '/tasks', { title: 'Secret' })
    const { token } = await (await page.request.get(`${origin}/api/auth/token`)).json()
    await page.goto(foreignOrigin)
    const outcomes = (url: string) =>
      page.evaluate(
        async ([target, authorization]) => {
          const body = '{"title":"Planted"}'
          const attempts: RequestInit[] = [
            { credentials: 'include' },
            { headers: { authorization } },
            { method: 'POST', credentials: 'include', body },
            { method: 'DELETE', credentials: 'include' },
            { method: 'POST', credentials: 'include', body, mode: 'no-cors' },
          ]
          return await Promise.all(
            attempts.map((attempt) =>
              fetch(target, attempt).then(
                async (response) => `${response.type} ${await response.text()}`,
                (error: Error) => error.name,
              ),
            ),
          )
        },
        [url, `Bearer ${token}`] as const,
      )
    for (const url of [`${apiUrl}/api/tasks`, `${exampleOrigin}${rewrittenUrl}/api/tasks`]) {
      expect(await outcomes(url)).toEqual([...Array(4).fill('TypeError'), 'opaque '])
    }
    await page.goto(`${exampleOrigin}/api/auth/ok`)
    const { body: tasks } = await throughRewrite(page, 'GET', '/tasks')
    expect(tasks).toMatchObject([{ title: 'Secret' }])
  })
})
