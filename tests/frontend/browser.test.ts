import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { loadFrontend } from '#tests/support/frontend'
import { guideVariants } from '#tests/support/guide'
import { createDatabase, postgresAt } from '#tests/support/postgres'
import { startRewritingFrontend } from '#tests/support/rewriting-frontend'
import { testSecret } from '#tests/support/secret'
import { freePort, portOrFree, type Service, startService } from '#tests/support/service'

const server = postgresAt(inject('postgresPort'))

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']

/** What `tests/fixtures/page.js` puts on the page. */
interface Frontend {
  api: {
    listTasks(filter?: object): Promise<Task[]>
    createTask(input: object): Promise<Task>
    readTask(id: string): Promise<{ task: Task; etag: string | null }>
    updateTask(id: string, changes: object, etag: string | null): Promise<Task>
    deleteTask(id: string): Promise<void>
    forgetToken(): void
  }
  authClient: {
    signUp: { email(input: object): Promise<{ data: { user: { id: string } } | null }> }
    signOut(): Promise<unknown>
    token(): Promise<{ data: { token: string } | null }>
  }
  toggleTask(task: Task, show: (task: Task) => void): Promise<void>
}
type Task = { id: string; title: string; completed: boolean; user_id: string }
declare const frontend: Frontend

describe.skipIf(executablePath === undefined)('in Chromium (needs /usr/bin/chromium)', () => {
  let browser: Browser
  let service: Service
  let origin: string
  let apiUrl: string
  let foreignOrigin: string
  let rewritingOrigin: string
  const stops: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    const [pagePort, apiPort] = [await portOrFree(3000), await portOrFree(8000)]
    const foreignPort = await freePort()
    const rewritingPort = await freePort()
    origin = `http://localhost:${pagePort}`
    apiUrl = `http://localhost:${apiPort}`
    foreignOrigin = `http://localhost:${foreignPort}`
    rewritingOrigin = `http://localhost:${rewritingPort}`
    const databaseUrl = server.url(await createDatabase(server))
    vi.stubEnv('DATABASE_URL', databaseUrl)
    vi.stubEnv('BETTER_AUTH_SECRET', testSecret)
    vi.stubEnv('BETTER_AUTH_URL', origin)
    vi.stubEnv('BETTER_AUTH_TRUSTED_ORIGINS', rewritingOrigin)
    // It makes the table of sessions, without which the service does not start.
    const pages = await loadFrontend(apiUrl)
    service = await startService('node', {
      PORT: String(apiPort),
      DATABASE_URL: databaseUrl,
      BETTER_AUTH_URL: origin,
      CORS_ORIGINS: `${origin},${rewritingOrigin}`,
      USERS_TABLE: 'user',
      SESSION_TOKENS: 'true',
    })
    stops.push(await pages.listen(pagePort), await pages.listen(foreignPort))
    stops.push(await startRewritingFrontend(rewritingPort, apiUrl, origin))
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: flags })
  })
  afterAll(async () => {
    await browser?.close()
    await service?.stop('SIGKILL')
    await Promise.all(stops.map((stop) => stop()))
  })

  /** A page of somebody who has signed up with Better Auth's client. */
  async function signedUp(variant = 0, at = origin): Promise<{ page: Page; userId: string }> {
    const page = await (await browser.newContext()).newPage()
    await page.goto(`${at}/?variant=${variant}`)
    const email = `${crypto.randomUUID()}@example.com`
    const userId = await page.evaluate(async (address) => {
      const account = { email: address, name: 'Anna', password: 'correct horse battery' }
      const { data } = await frontend.authClient.signUp.email(account)
      return data?.user.id
    }, email)
    return { page, userId: userId ?? '' }
  }

  test.each(
    guideVariants.map((name, variant) => ({ variant, name: name || 'with the jwt plugin' })),
  )(
    'lib/api.ts of the guide lists, creates, edits, completes and deletes $name',
    async ({ variant }) => {
      const { page, userId } = await signedUp(variant)
      const devTools = await page.context().newCDPSession(page)
      await devTools.send('Network.enable')
      let preflights = 0
      devTools.on('Network.requestWillBeSent', ({ request }) => {
        if (request.method === 'OPTIONS') preflights += 1
      })

      const lived = await page.evaluate(async () => {
        const { api, toggleTask } = frontend
        const before = await api.listTasks()
        const created = await api.createTask({ title: 'Buy milk' })
        const { task, etag } = await api.readTask(created.id)
        const edited = await api.updateTask(task.id, { title: 'Buy oat milk' }, etag)
        const shown: boolean[] = []
        await toggleTask(edited, ({ completed }) => shown.push(completed))
        const completed = await api.listTasks({ status: 'completed' })
        await api.deleteTask(task.id)
        await api.deleteTask(task.id)
        return { before, created, edited, shown, completed, after: await api.listTasks() }
      })
      expect(lived.before).toEqual([])
      expect(lived.created).toMatchObject({ title: 'Buy milk', user_id: userId })
      expect(lived.edited).toMatchObject({ title: 'Buy oat milk' })
      expect(lived.shown).toEqual([true, true])
      expect(lived.completed).toMatchObject([{ title: 'Buy oat milk', completed: true }])
      expect(lived.after).toEqual([])
      expect(preflights).toBeGreaterThan(0)

      const other = await signedUp(variant)
      await page.evaluate(() => frontend.api.createTask({ title: "Anna's" }))
      expect(await other.page.evaluate(() => frontend.api.listTasks())).toEqual([])
    },
  )

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
    const { page, userId } = await signedUp(0, rewritingOrigin)
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

    const other = await signedUp(0, rewritingOrigin)
    expect(await throughRewrite(other.page, 'GET', '/tasks')).toEqual({ status: 200, body: [] })
    expect((await throughRewrite(other.page, 'GET', task)).status).toBe(404)
    expect((await throughRewrite(page, 'DELETE', task)).status).toBe(204)
    await page.evaluate(() => frontend.authClient.signOut())
    expect((await throughRewrite(page, 'GET', '/tasks')).status).toBe(401)
  })

  test('a page of a foreign origin gets and does nothing through the rewrite', async () => {
    const { page } = await signedUp(0, rewritingOrigin)
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
    }, `${rewritingOrigin}/api/proxy/tasks`)
    expect(outcomes).toEqual(['TypeError', 'opaque ', 'TypeError', 'opaque '])
    await page.goto(rewritingOrigin)
    const { body: tasks } = await throughRewrite(page, 'GET', '/tasks')
    expect(tasks).toMatchObject([{ title: 'Secret' }])
  })

  test('a change that somebody else was faster with is a 412, and the guide shows how to notice', async () => {
    const { page } = await signedUp()
    const outcome = await page.evaluate(async () => {
      const { api } = frontend
      const { id } = await api.createTask({ title: 'Buy milk' })
      const { etag } = await api.readTask(id)
      await api.updateTask(id, { title: 'Buy oat milk' }, etag)
      const late = await api
        .updateTask(id, { title: 'Buy tea' }, etag)
        .catch(({ status }) => status)
      return { late, title: (await api.readTask(id)).task.title }
    })
    expect(outcome).toEqual({ late: 412, title: 'Buy oat milk' })
  })

  test('whoever is signed out is told so, and not asked again and again', async () => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(origin)
    const error = await page.evaluate(() =>
      frontend.api.listTasks().catch(({ name, status, code }) => ({ name, status, code })),
    )
    expect(error).toEqual({ name: 'ApiError', status: 401, code: 'credentials_missing' })
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
          const { data } = await frontend.authClient.token()
          const send = (method: string, path: string, body?: object) =>
            fetch(url + path + slash, {
              method,
              credentials: mode,
              headers: {
                authorization: `Bearer ${data?.token}`,
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
    await page.evaluate(() => frontend.api.createTask({ title: 'Secret' }))
    const token = await page.evaluate(async () => (await frontend.authClient.token()).data?.token)
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
      [apiUrl, token ?? ''] as const,
    )
    const nothing = 'TypeError'
    expect(outcomes).toEqual([nothing, nothing, nothing, nothing, 'opaque ', nothing])
    await page.goto(origin)
    const tasks = await page.evaluate(() => frontend.api.listTasks())
    expect(tasks.map(({ title }) => title)).toEqual(['Secret'])
  })
})
