/**
 * The same API in Fastify with hand-written SQL, as somebody who knows both would write it for speed:
 * prepared statements, response schemas that compile to serialisers, verified tokens kept in a cache.
 */
import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyRequest } from 'fastify'
import { callerOf, endWith, place, type RunStatement } from '#bench/peers/task-api'

declare module 'fastify' {
  interface FastifyRequest {
    userId: string
  }
}

const task = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    user_id: { type: 'string' },
    title: { type: 'string' },
    description: { type: ['string', 'null'] },
    completed: { type: 'boolean' },
    is_completed: { type: 'boolean' },
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' },
  },
}
const newTask = {
  type: 'object',
  required: ['title'],
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 200 },
    description: { type: ['string', 'null'], maxLength: 1000 },
    completed: { type: 'boolean' },
  },
}
const byId = { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } }
const page = {
  type: 'object',
  properties: { limit: { type: 'integer', minimum: 1, maximum: 1000, default: 1000 } },
}

/** Serves the API with a driver's way to run a statement, until the process is told to end. */
export async function serveFastify(run: RunStatement, close: () => Promise<unknown>) {
  const app = Fastify()
  app.decorateRequest('userId', '')
  app.addHook('onRequest', async (request: FastifyRequest, reply) => {
    const userId = callerOf(request.headers.authorization)
    if (userId === undefined) {
      reply.code(401).header('www-authenticate', 'Bearer')
      return await reply.send({ detail: 'Unauthorized' })
    }
    request.userId = userId
  })

  app.get<{ Params: { id: string } }>(
    '/api/tasks/:id',
    { schema: { params: byId, response: { 200: task } } },
    async (request, reply) => {
      const [found] = await run('find', [request.userId, request.params.id])
      if (found === undefined) return reply.code(404).send({ detail: 'Not Found' })
      const etag = `"${found.version}"`
      reply.header('etag', etag)
      return request.headers['if-none-match'] === etag ? reply.code(304).send() : found
    },
  )

  app.get<{ Querystring: { limit: number } }>(
    '/api/tasks',
    { schema: { querystring: page, response: { 200: { type: 'array', items: task } } } },
    (request) => run('list', [request.userId, request.query.limit]),
  )

  app.post<{ Body: { title: string; description?: string | null; completed?: boolean } }>(
    '/api/tasks',
    { schema: { body: newTask, response: { 201: task } } },
    async (request, reply) => {
      const { title, description = null, completed = false } = request.body
      const values = [request.userId, randomUUID(), title, description, completed]
      const [created] = await run('insert', values)
      return reply.code(201).send(created)
    },
  )

  app.patch<{ Params: { id: string } }>(
    '/api/tasks/:id/complete',
    { schema: { params: byId, response: { 200: task } } },
    async (request, reply) => {
      const [changed] = await run('toggle', [request.userId, request.params.id])
      return changed ?? reply.code(404).send({ detail: 'Not Found' })
    },
  )

  await app.listen({ port: place.port, host: place.hostname })
  endWith(() => app.close().then(close))
}
