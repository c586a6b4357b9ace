import postgres from 'postgres'
import { serveFastify } from '#bench/peers/fastify-app'
import { database, statements, type TaskRow } from '#bench/peers/task-api'

// Requests share the connection: postgres.js sends the next query without waiting for an answer.
const sql = postgres(database.url, { max: database.max })

await serveFastify(
  (name, values) => sql.unsafe<TaskRow[]>(statements[name], values, { prepare: true }),
  () => sql.end(),
)
