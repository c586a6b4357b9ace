/**
 * Serves a deployment, whose folder is the argument, as Vercel does. This process is the functions
 * of the routes and of the middleware, with what Vercel's proxy does to a request in front of them.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The parts of Vercel's Build Output API that requests for this app use. */
interface Route {
  readonly handle?: string
  readonly src?: string
  readonly dest?: string
  readonly has?: readonly Condition[]
  readonly missing?: readonly Condition[]
  readonly middlewarePath?: string
}

interface Condition {
  readonly key: string
  readonly value?: string
}

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>
type Middleware = (request: Request) => Promise<Response>

/** How long Vercel lets a function work after SIGTERM. */
const graceMs = 500

const [folder = ''] = process.argv.slice(2)
const { routes }: { routes: Route[] } = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'))
const indexOf = (wanted: string) => routes.findIndex(({ handle }) => handle === wanted)
const middleware = routes.find(({ middlewarePath }) => middlewarePath !== undefined)
/** Of paths with parameters, and the functions for them. */
const patterns = routes.slice(indexOf('rewrite') + 1, indexOf('hit'))

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

/** Asks the middleware, and then the function of the path, or else of the first pattern with one. */
async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { url = '/', headers } = req
  const [path = '', query = ''] = url.split(/\?(.*)/s)
  const isAsked = middleware !== undefined && matchOf(middleware, path, headers) !== null
  writeOwnHeaders(req)
  if (isAsked && (await answersFirst(req, res))) return
  if (existsSync(functionOf(path))) return await invoke(path, req, res)
  for (const pattern of patterns) {
    const match = matchOf(pattern, path, headers)
    if (match === null || pattern.dest === undefined) continue
    const [destination = '', parameters = ''] = fill(pattern.dest, match).split('?')
    if (!existsSync(functionOf(destination))) continue
    req.url = `${path}?${[query, parameters].filter((part) => part !== '').join('&')}`
    return await invoke(destination, req, res)
  }
  res.writeHead(404).end()
}

/** Whether the middleware has answered, to which no body is sent: ours reads none. */
async function answersFirst(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
  const headers = Object.entries(req.headers).map(([name, value]) => [name, String(value)])
  const init = { method: req.method ?? '', headers: Object.fromEntries(headers) }
  const ask = load<Middleware>(functionOf('_middleware'))
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

/** Where the function of a path is, if there is one. */
function functionOf(path: string): string {
  return join(folder, 'functions', `${path.replace(/^\/|\/$/g, '') || 'index'}.func`)
}

/** Has a function answer, which is told which of Next's routes that is. */
async function invoke(path: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
  req.headers['x-matched-path'] = path.replace(/(.)\/$/, '$1')
  await load<Handler>(functionOf(path))(req, res)
}

/** What a function exports, which Node loads once: most folders are links to one. */
function load<Exported>(path: string): Exported {
  return createRequire(join(path, '/'))('./___next_launcher.cjs')
}

function matchOf(
  { src, has = [], missing = [] }: Route,
  path: string,
  headers: IncomingMessage['headers'],
) {
  const holds = ({ key, value = '.*' }: Condition) =>
    typeof headers[key] === 'string' && new RegExp(`^(?:${value})$`).test(headers[key])
  if (src === undefined || !has.every(holds) || missing.some(holds)) return null
  // Vercel matches the whole path, in any letter case.
  return new RegExp(src.startsWith('^') ? src : `^${src}$`, 'i').exec(path)
}

/** Puts the groups in place of their names: they are values, which end no part of the query. */
function fill(destination: string, { groups }: RegExpExecArray): string {
  return destination.replaceAll(/\$(\w+)/g, (_, name: string) =>
    (groups?.[name] ?? '').replaceAll(/[&+#]/g, encodeURIComponent),
  )
}

process.once('SIGTERM', () => {
  setTimeout(() => process.exit(), graceMs).unref()
  server.close(() => Promise.allSettled(work).then(() => process.exit()))
  server.closeIdleConnections()
})
