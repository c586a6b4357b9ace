import { globSync, readFileSync, realpathSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { makeReady, newDatabase, startNeon } from '#tests/support/databases'
import { send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { startService } from '#tests/support/service'
import { shared } from '#tests/support/shared'
import { newUser } from '#tests/support/tokens'
import { deployment, hasVercel } from '#tests/support/vercel-build'
import { type VercelFunction, vercelFunctions } from '#tests/support/vercel-output'
import packageJson from '../../package.json' with { type: 'json' }

const packageOf = (file: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? ''
describe.skipIf(!hasVercel)("what Vercel's builder makes (needs `npm run vercel:install`)", () => {
  let functions: VercelFunction[] = []
  const files = () => functions.flatMap((each) => [...each.files.keys()])

  beforeAll(async () => {
    await shared('vercel build')
    functions = vercelFunctions(deployment)
  })

  test('is one function for every route, the middleware, and a page that Next itself brings', () => {
    const names = functions.map(({ name }) => name)
    expect(names).toEqual(['[...path]', '_global-error.rsc', '_middleware'])
    const routes = globSync('app/**/route.ts').map((path) => path.slice(3, -'/route.ts'.length))
    expect(routes.length).toBeGreaterThan(15)
    const folderOf = (route: string) => realpathSync(`${deployment}/functions${route}.func`)
    const served = routes.map((route) => folderOf(route || '/index'))
    expect(new Set(served)).toEqual(new Set([folderOf('/[...path]')]))
  })

  test('is at most 6 MB and 500 files', () => {
    const large = functions.filter(({ bytes, files: own }) => bytes > 6e6 || own.size > 500)
    expect(large.map(({ name, bytes, files: own }) => [name, bytes, own.size])).toEqual([])
  })

  test('has no PGlite, and Swagger UI and OpenTelemetry only in what was made of them', () => {
    const found = files().filter((file) => /pglite.*\.(wasm|data)$/.test(file))
    expect(found).toEqual([])
    const routes = functions.find(({ name }) => name === '[...path]')
    const packages = new Set([...(routes?.files.keys() ?? [])].map(packageOf))
    expect(packages).toContain('next')
    expect(packages).not.toContain('swagger-ui-dist')
    expect([...packages].filter((name) => name.startsWith('@opentelemetry'))).toEqual([])
  })

  test('has nothing that package.json calls a development dependency, and no source of ours', () => {
    const development = new Set(Object.keys(packageJson.devDependencies))
    expect(files().length).toBeGreaterThan(300)
    expect(files().filter((file) => development.has(packageOf(file)))).toEqual([])
    expect(files().filter((file) => /^(app|bench|db|docs|lib|tests)\//.test(file))).toEqual([])
  })

  test('checks credentials and lists by Neon’s driver', async () => {
    const { name, url } = await newDatabase()
    // The build has migrated, so a function needs no WebSocket.
    await makeReady(url)
    await using service = await startService('vercel', (await startNeon()).settings(name))
    expect((await send(service.url, 'GET', '/api/tasks')).status).toBe(401)
    expect((await send(service.url, 'GET', '/api/tasks', newUser())).status).toBe(200)
  })

  test('serves the files of Swagger UI as they are in their package', async () => {
    await using service = await serve('vercel')
    const page = await fetch(`${service.url}/docs`)
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'")
    for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
      const answer = await fetch(`${service.url}/docs/${name}`)
      const original = readFileSync(`node_modules/swagger-ui-dist/${name}`, 'utf8')
      expect([name, (await answer.text()) === original]).toEqual([name, true])
    }
  })
})
