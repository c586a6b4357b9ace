/** The same API on what Bun brings: `Bun.serve` and `Bun.SQL`. Bun runs it, not Node. */
import { callerOf, database, endWith, place, statements, type TaskRow } from '#bench/peers/task-api'

type Routed = Request & { readonly params: { readonly id: string } }
type Handler = (request: Routed, userId: string) => Promise<Response>

/** The little of Bun's types that is used here. */
declare const Bun: {
  serve(options: typeof place & { routes: object }): { stop(): Promise<void> }
  SQL: new (
    options: typeof database,
  ) => {
    unsafe(text: string, values: readonly unknown[]): Promise<TaskRow[]>
    close(): Promise<void>
  }
}

// Requests share the connection: Bun sends the next query without waiting for an answer.
const sql = new Bun.SQL(database)

/** Without the version, which is in the `ETag`. */
const toTask = ({ version: _version, ...task }: TaskRow) => task
const problem = (status: number, detail: string) => Response.json({ detail }, { status })

const withCaller = (handle: Handler) => async (request: Routed) => {
  const userId = callerOf(request.headers.get('authorization'))
  return userId === undefined ? problem(401, 'Unauthorized') : await handle(request, userId)
}

const find: Handler = async ({ headers, params }, userId) => {
  const [row] = await sql.unsafe(statements.find, [userId, params.id])
  if (row === undefined) return problem(404, 'Not Found')
  const etag = `"${row.version}"`
  if (headers.get('if-none-match') === etag) return new Response(null, { status: 304 })
  return Response.json(toTask(row), { headers: { etag } })
}

const list: Handler = async ({ url }, userId) => {
  const limit = Number(new URL(url).searchParams.get('limit') ?? 1000)
  if (!(limit >= 1 && limit <= 1000)) return problem(400, 'limit must be from 1 to 1000')
  return Response.json((await sql.unsafe(statements.list, [userId, limit])).map(toTask))
}

const create: Handler = async (request, userId) => {
  const { title, description = null, completed = false } = await request.json()
  const isText = typeof title === 'string' && title.length >= 1 && title.length <= 200
  if (!isText || (description?.length ?? 0) > 1000) return problem(400, 'title or description')
  const values = [userId, crypto.randomUUID(), title, description, completed]
  const rows = await sql.unsafe(statements.insert, values)
  return Response.json(rows.map(toTask)[0], { status: 201 })
}

const toggle: Handler = async ({ params }, userId) => {
  const [row] = await sql.unsafe(statements.toggle, [userId, params.id])
  return row === undefined ? problem(404, 'Not Found') : Response.json(toTask(row))
}

const server = Bun.serve({
  ...place,
  routes: {
    '/api/tasks': { GET: withCaller(list), POST: withCaller(create) },
    '/api/tasks/:id': { GET: withCaller(find) },
    '/api/tasks/:id/complete': { PATCH: withCaller(toggle) },
  },
})
endWith(() => server.stop().then(() => sql.close()))
