/**
 * Serves a deployment, whose folder is the argument, as Vercel does. This process is the functions
 * of the routes and of the middleware, with what Vercel's proxy does to a request in front of them.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { readRoutes } from '#tests/support/vercel-routes'

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>
type Middleware = (request: Request) => Promise<Response>

/** How long Vercel lets a function work after SIGTERM. */
const graceMs = 500

const [folder = ''] = process.argv.slice(2)
const route = readRoutes(folder)

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
  if (routed.middleware !== undefined && (await answersFirst(req, res))) return
  if (routed.function !== undefined) {
    req.url = routed.url ?? '/'
    req.headers['x-matched-path'] = routed.matchedPath ?? '/'
    return await load<Handler>(routed.function)(req, res)
  }
  res.writeHead(404).end()
}

/** Whether the middleware has answered, to which no body is sent: ours reads none. */
async function answersFirst(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
  const headers = Object.entries(req.headers).map(([name, value]) => [name, String(value)])
  const init = { method: req.method ?? '', headers: Object.fromEntries(headers) }
  const ask = load<Middleware>(join(folder, 'functions/_middleware.func'))
  const answered = await ask(new Request(`https://${req.headers.host}${req.url}`, init))
  if (answered.headers.has('x-middleware-next')) return false
  res.writeHead(answered.status, Object.fromEntries(answered.headers)).end()
  return true
}

/** Vercel's proxy writes these headers, and drops what a client sends in them. */
function writeOwnHeaders(req: IncomingMessage): void {
  for (const name of Object.keys(req.headers)) {
    if (/^x-(matched-path|now-|vercel-|middleware-)/.test(name)) delete req.headers[name]
  }
  const client = clients.get(req.socket) ?? ''
  req.headers['x-forwarded-for'] = client
  req.headers['x-real-ip'] = client
  req.headers['x-vercel-forwarded-for'] = client
  req.headers['x-forwarded-host'] = req.headers.host ?? ''
  // A client over http is redirected by Vercel; a test may still say that it is one.
  req.headers['x-forwarded-proto'] ??= 'https'
}

/** What a function exports, which Node loads once: most folders are links to one. */
function load<Exported>(path: string): Exported {
  return createRequire(join(path, '/'))('./___next_launcher.cjs')
}

process.once('SIGTERM', () => {
  setTimeout(() => process.exit(), graceMs).unref()
  server.close(() => Promise.allSettled(work).then(() => process.exit()))
  server.closeIdleConnections()
})
