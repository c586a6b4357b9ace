import type { RequestListener } from 'node:http'
import { FastResponse } from 'srvx/node'
import { start } from '#lib/service/start'
import { toListener } from '#server/to-listener'

/** Starts the service, and returns the listener that calls the route files directly. */
export async function startOnNode(): Promise<RequestListener> {
  await start()
  // Node's own Response turns each body into a stream, which costs more than the rest of an answer.
  Object.assign(globalThis, { Response: FastResponse })
  const { handle } = await import('#server/handle')
  return toListener(handle)
}
