import { globSync, readFileSync, realpathSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '#db/database'
import { options } from '#tests/support/databases'
import { startNeonStandIn } from '#tests/support/neon-stand-in'
import { createDatabase, password, postgresAt } from '#tests/support/postgres'
import { type Service, startService } from '#tests/support/service'
import { shared } from '#tests/support/shared'
import { startCollector } from '#tests/support/span-collector'
import { newUser, tokenFor } from '#tests/support/tokens'
import { deployment, hasVercel, vercelBuild } from '#tests/support/vercel-build'
import { type VercelFunction, vercelFunctions } from '#tests/support/vercel-output'
import packageJson from '../../package.json' with { type: 'json' }

const packageOf = (file: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? ''
const ask = async (url: string) => {
  const headers = { authorization: `Bearer ${await tokenFor(newUser())}` }
  return [
    (await fetch(`${url}/health`)).status,
    (await fetch(`${url}/api/tasks`)).status,
    (await fetch(`${url}/api/tasks`, { headers })).status,
  ]
}

describe.skipIf(!hasVercel)("what Vercel's builder makes (needs `npm run vercel:install`)", () => {
  let functions: VercelFunction[] = []
  const files = () => functions.flatMap((each) => [...each.files.keys()])

  beforeAll(async () => {
    await shared('vercel build')
    functions = vercelFunctions(vercelBuild)
  })

  test('is one function for every route, the middleware, and a page that Next itself brings', () => {
    expect(functions.map(({ name }) => name)).toEqual([
      '[...path]',
      '_global-error.rsc',
      '_middleware',
    ])
    const routes = globSync('app/**/route.ts').map((path) => path.slice(3, -'/route.ts'.length))
    const served = routes.map((route) =>
      realpathSync(`${deployment}/functions${route || '/index'}.func`),
    )
    expect(served.length).toBeGreaterThan(15)
    expect([...new Set(served)]).toEqual([realpathSync(`${deployment}/functions/[...path].func`)])
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
    const server = postgresAt(inject('postgresPort'))
    const standIn = await startNeonStandIn(server.port, password)
    try {
      const name = await createDatabase(server)
      // The build has migrated, so a function needs no WebSocket.
      const database = await openDatabase({ ...options, url: server.url(name) })
      await database.makeReady()
      await database.close()
      await using service = await startService('vercel', standIn.settings(name))
      expect(await ask(service.url)).toEqual([200, 401, 200])
    } finally {
      await standIn.close()
    }
  })

  describe('on Postgres', () => {
    let collector: Awaited<ReturnType<typeof startCollector>>
    let service: Service

    beforeAll(async () => {
      const server = postgresAt(inject('postgresPort'))
      collector = await startCollector()
      service = await startService('vercel', {
        DATABASE_URL: server.url(await createDatabase(server)),
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      })
    })
    afterAll(async () => {
      await service?.stop()
      await collector?.[Symbol.asyncDispose]()
    })

    test('serves the files of Swagger UI as they are in their package', async () => {
      const page = await fetch(`${service.url}/docs`)
      expect(page.headers.get('content-security-policy')).toContain("script-src 'self'")
      for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
        const answer = await fetch(`${service.url}/docs/${name}`)
        const original = readFileSync(`node_modules/swagger-ui-dist/${name}`, 'utf8')
        expect([name, (await answer.text()) === original]).toEqual([name, true])
      }
    })

    test('sends a span for each request, also for the first', async () => {
      expect(await ask(service.url)).toEqual([200, 401, 200])
      const count = (wanted: string) =>
        collector.spans().filter(({ name }) => name === wanted).length
      for (let waited = 0; waited < 10_000 && count('GET /api/tasks') < 2; waited += 50) {
        await sleep(50)
      }
      // The first was sent when the service was waited for.
      expect([count('GET /health'), count('GET /api/tasks')]).toEqual([2, 2])
    })
  })
})
