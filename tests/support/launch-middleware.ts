/** Serves the middleware function whose folder is the argument, to the process that forked it. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { MiddlewareQuestion } from '#tests/support/vercel-middleware'

const [folder = ''] = process.argv.slice(2)
const require = createRequire(join(folder, '/'))
const serve = require('./___next_launcher.cjs') as (request: Request) => Promise<Response>

process.on('message', async ({ id, url, method, headers }: MiddlewareQuestion) => {
  const response = await serve(new Request(url, { method, headers }))
  process.send?.({ id, status: response.status, headers: Object.fromEntries(response.headers) })
})
