/**
 * Serves a deployment, whose folder is the argument, as Vercel does. This process is the function
 * of the routes, with what Vercel's proxy does to a request in front of it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { middlewareOf } from '#tests/support/vercel-middleware'
import { readRoutes } from '#tests/support/vercel-routes'

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/** How long Vercel lets a function work after SIGTERM. */
const graceMs = 500

const [folder = ''] = process.argv.slice(2)
const route = readRoutes(folder)
const middleware = middlewareOf(folder)

/** What a function asked to be kept awake for. */
const work = new Set<Promise<unknown>>()
const context = {
  waitUntil(promise: Promise<unknown>) {
    work.add(promise)
    const forget = () => work.delete(promise)
    promise.then(forget, forget)
  },
}
Reflect.set(globalThis, Symbol.for('@vercel/request-context'), { get: () => context })

const server = createServer((req, res) => {
  answer(req, res).catch((error: unknown) => {
    console.error(error)
    if (res.headersSent) res.destroy()
    else res.writeHead(500, { 'x-vercel-error': 'FUNCTION_INVOCATION_FAILED' }).end()
  })
})
// The function's own peer is a part of the platform, on the same machine.
const clients = new WeakMap<object, string>()
server.on('connection', (socket) => {
  clients.set(socket, socket.remoteAddress ?? '')
  Object.defineProperty(socket, 'remoteAddress', { value: '127.0.0.1' })
})
server.listen(Number(process.env['PORT']), '127.0.0.1')

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const routed = route(req.url ?? '/', req.headers)
  writeOwnHeaders(req)
  if (routed.middleware !== undefined) {
    const answered = await middleware.ask(req)
    if (answered !== undefined) {
      res.writeHead(answered.status, answered.headers).end()
      return
    }
  }
  if (routed.function === undefined) {
    res.writeHead(404).end()
    return
  }
  req.url = routed.url ?? '/'
  req.headers['x-matched-path'] = routed.matchedPath ?? '/'
  await load(routed.function)(req, res)
}

/** Vercel's proxy writes these headers, and drops what a client sends in them. */
function writeOwnHeaders(req: IncomingMessage): void {
  for (const name of Object.keys(req.headers)) {
    if (/^x-(matched-path|now-|vercel-|middleware-)/.test(name)) delete req.headers[name]
  }
  const client = clients.get(req.socket) ?? ''
  for (const name of ['x-forwarded-for', 'x-real-ip', 'x-vercel-forwarded-for']) {
    req.headers[name] = client
  }
  req.headers['x-forwarded-host'] = req.headers.host ?? ''
  // A client over http is redirected by Vercel; a test may still say that it is one.
  req.headers['x-forwarded-proto'] ??= 'https'
}

/** The handler of a function, which Node keeps. Most functions are links to one. */
function load(path: string): Handler {
  return createRequire(join(path, '/'))('./___next_launcher.cjs')
}

process.once('SIGTERM', () => {
  middleware.end()
  setTimeout(() => process.exit(), graceMs).unref()
  server.close(() => Promise.allSettled(work).then(() => process.exit()))
  server.closeIdleConnections()
})
