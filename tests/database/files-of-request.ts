/**
 * Prints the files of ours that one `PATCH` passes, as JSON, in the order of their names: those of
 * which a function ran between the request and its answer, on a service that is warm.
 */
import { Session } from 'node:inspector/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { closeDatabase, database } from '#lib/service/database'
import { handle } from '#server/handle'
import { newUser, tokenFor } from '#tests/support/tokens'

await database()
const user = newUser()
const headers = {
  authorization: `Bearer ${await tokenFor(user)}`,
  'content-type': 'application/json',
  origin: 'http://localhost:3000',
}

async function ask(method: string, path: string, body: object): Promise<Response> {
  const init = { method, headers, body: JSON.stringify(body) }
  const url = new URL(path, 'http://localhost:8000')
  return await handle(new Request(url, init), url)
}

const { id }: { id: string } = await (await ask('POST', '/api/tasks', { title: 'Buy milk' })).json()
const change = async () => (await ask('PATCH', `/api/tasks/${id}`, { completed: true })).text()
await change()

const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
await change()
const { result } = await session.post('Profiler.takePreciseCoverage')
session.disconnect()

const files = result
  .filter(({ url }) => url.startsWith('file:') && !url.includes('/node_modules/'))
  .filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
  .map(({ url }) => relative('.', fileURLToPath(url)))
  .filter((file) => !file.startsWith('tests/'))
console.log(JSON.stringify(files.sort(), undefined, 2))
await closeDatabase()
