import { Pool } from 'pg'
import { serveFastify } from '#bench/peers/fastify-app'
import { database, statements, type TaskRow } from '#bench/peers/task-api'

const pool = new Pool({ connectionString: database.url, max: database.max })

await serveFastify(
  async (name, values) => {
    return (await pool.query<TaskRow>({ name, text: statements[name], values })).rows
  },
  () => pool.end(),
)
