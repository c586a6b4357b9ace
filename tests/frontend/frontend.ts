import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { toNodeHandler } from 'srvx/node'
import { killGroup, outputOf, startChild, usual } from '#tests/support/child'
import { guideBlock, patched } from '#tests/support/guide'
import { listen } from '#tests/support/service'

const example = resolve('examples/frontend')
const read = (path: string) => readFileSync(join(example, path), 'utf8')

/** The guide's ways to get a token beside the one of the example. */
export const tokenWays = ['with a route of your own', 'with the session cookie']

/** What the guide gives to `lib/api.ts` as the address of the service, where there is a rewrite. */
export const [, rewrittenUrl = ''] =
  /NEXT_PUBLIC_API_URL=(\/\w+)/.exec(readFileSync('docs/frontend.md', 'utf8')) ?? []

/** Next's configuration of the example, with more settings. */
const configWith = (settings: string) =>
  read('next.config.ts').replace('  agentRules: false,\n', `$&${settings}`)

/** Next's configuration of the example, with the guide's rewrite to a service. */
function rewritingConfig(apiUrl: string): string {
  const [, rewrites = ''] =
    /^export default \{\n(.*)^\}$/ms.exec(guideBlock('next.config.ts')) ?? []
  return configWith(rewrites).replace('http://localhost:8000', apiUrl)
}

/** The example, which also has the guide's rewrite to a service. */
export function rewritingExample(apiUrl: string, name = 'example'): string {
  return copyExample(name, { 'next.config.ts': rewritingConfig(apiUrl) })
}

/** The example with the settings that `create-next-app` writes into a new app. */
export function createdExample(name: string): string {
  const settings = '  cacheComponents: true,\n  partialPrefetching: true,\n'
  return copyExample(name, { 'next.config.ts': configWith(settings) })
}

/** The example as the guide changes it for a database that it shares with the service. */
export function sharedExample(way: number, name = `example-${way}`): string {
  return copyExample(name, {
    'lib/auth.ts': patched(read('lib/auth.ts'), guideBlock('lib/auth.ts')),
    'app/api/token/route.ts': guideBlock('app/api/token/route.ts'),
    'lib/token.ts': guideBlock(`lib/token.ts, ${tokenWays[way]}`),
  })
}

/**
 * Copies `examples/frontend` to a folder inside of the repository, where it finds the packages.
 *
 * @param changed files that are written over those of the example
 */
function copyExample(name: string, changed: Record<string, string>): string {
  const folder = resolve('.data', name)
  rmSync(folder, { recursive: true, force: true })
  cpSync(example, folder, {
    recursive: true,
    filter: (path) => !/\/(?:node_modules|\.next|auth\.sqlite.*|\.env.*)$/.test(path),
  })
  const config = changed['next.config.ts'] ?? read('next.config.ts')
  const files = {
    ...changed,
    'next-env.d.ts': '/// <reference types="next" />\n',
    'next.config.ts': config.replace('import.meta.dirname', JSON.stringify(resolve('.'))),
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

/** Starts `next dev` in a copy of the example. @returns what stops it */
export async function startExample(folder: string, port: number, env: Record<string, string>) {
  const next = resolve('node_modules/next/dist/bin/next')
  const child = startChild(process.execPath, [next, 'dev', '-p', String(port)], {
    cwd: folder,
    env: { ...usual, NODE_ENV: 'development', NEXT_TELEMETRY_DISABLED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = outputOf(child)
  // Next compiles what is asked for: the first answer says that the tables are there too.
  for (let waited = 0; waited < 120_000 && child.exitCode === null; waited += 200) {
    const isUp = await fetch(`http://localhost:${port}/api/auth/ok`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) return () => killGroup(child)
    await sleep(200)
  }
  killGroup(child)
  throw new Error(`The example did not come up:\n${output()}`)
}

/**
 * Serves Better Auth of the shared database, and a page for each of the guide's other ways to get a
 * token, which has `lib/api.ts` as `api`. What its environment needs must be set before.
 */
export async function serveShared(apiUrl: string, ports: number[]) {
  const folders = tokenWays.map((_, way) => sharedExample(way))
  const load = (path: string) => import(join(folders[0] ?? '', path))
  await (await load('instrumentation.ts')).register()
  const { auth } = await load('lib/auth.ts')
  const token = await load('app/api/token/route.ts')
  const scriptOf = (path: string) =>
    stripTypeScriptTypes(readFileSync(path, 'utf8')).replace(
      'process.env.NEXT_PUBLIC_API_URL',
      JSON.stringify(apiUrl),
    )

  async function answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/api/token') return await token.GET(request)
    if (pathname.startsWith('/api/auth/')) return await auth.handler(request)
    if (pathname.endsWith('.ts')) {
      const headers = { 'content-type': 'text/javascript' }
      return new Response(scriptOf(join(resolve('.data'), pathname)), { headers })
    }
    const lib = `/example-${searchParams.get('way') ?? 0}/lib`
    const imports = { '@/lib/token': `${lib}/token.ts` }
    const page = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">import * as api from '${lib}/api.ts'; window.api = api</script>`
    return new Response(page, { headers: { 'content-type': 'text/html' } })
  }

  const servers = ports.map(() => createServer(toNodeHandler(answer) as RequestListener))
  await Promise.all(servers.map((server, index) => listen(server, ports[index])))
  return () => {
    for (const server of servers) server.close().closeAllConnections()
  }
}
