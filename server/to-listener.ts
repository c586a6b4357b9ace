import type { RequestListener } from 'node:http'
import { toNodeHandler } from 'srvx/node'

/** A handler of web requests as `node:http` calls it; srvx has it take HTTP/2 too. */
export function toListener(handler: (request: Request) => Promise<Response>): RequestListener {
  return toNodeHandler(handler) as RequestListener
}
