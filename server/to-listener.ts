import type { RequestListener } from 'node:http'
import { toNodeHandler } from 'srvx/node'

/** Turns a handler of web requests into a listener for `node:http`. srvx also allows HTTP/2. */
export function toListener(handler: (request: Request) => Promise<Response>): RequestListener {
  return toNodeHandler(handler) as RequestListener
}
