import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { toNodeHandler } from 'srvx/node'
import { build } from 'vite'
import { guideVariants, writeGuide } from '#tests/support/guide'

type Handler = (request: Request) => Promise<Response>

/**
 * Serves the frontend that `docs/frontend.md` prints: its routes, and a page for each of its ways
 * to get a token. What its environment needs must be set before.
 */
export async function loadFrontend(apiUrl: string) {
  const folder = writeGuide()
  const load = (path: string) => import(join(folder, path))
  await load('scripts/migrate-auth.mjs')
  const auth: Record<string, Handler> = await load('app/api/auth/[...all]/route.ts')
  const token: { GET: Handler } = await load('app/api/token/route.ts')
  const scripts = await Promise.all(
    guideVariants.map((variant) => bundle(writeGuide(variant), apiUrl)),
  )

  async function answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/api/token') return await token.GET(request)
    if (pathname.startsWith('/api/auth/')) {
      return (await auth[request.method]?.(request)) ?? new Response(null, { status: 405 })
    }
    const script = scripts[Number(searchParams.get('variant') ?? 0)] ?? ''
    const page = `<!doctype html><title>Tasks</title><script type="module">${script}</script>`
    return new Response(page, { headers: { 'content-type': 'text/html; charset=utf-8' } })
  }

  return {
    /** Serves it at this port. @returns what stops it */
    async listen(port: number) {
      const server = createServer(toNodeHandler(answer) as RequestListener).listen(
        port,
        '127.0.0.1',
      )
      await once(server, 'listening')
      return async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

async function bundle(folder: string, apiUrl: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    mode: 'production',
    resolve: { alias: { '@': folder } },
    define: { 'process.env.NEXT_PUBLIC_API_URL': JSON.stringify(apiUrl) },
    build: { write: false, rolldownOptions: { input: 'tests/fixtures/page.js' } },
  })
  const outputs = Array.isArray(result) ? result : 'output' in result ? [result] : []
  const code = outputs.flatMap(({ output }) =>
    output.flatMap((part) => (part.type === 'chunk' ? part.code : [])),
  )
  // The script stands in the page itself, where this would end it.
  return code.join('\n').replaceAll('</script', '<\\/script')
}
