import type { RequestListener, ServerResponse } from 'node:http'
import { NodeRequest, sendNodeResponse } from 'srvx/node'
import { lastResort } from '#lib/http/last-resort'
import { isDraining } from '#lib/service/draining'
import { readUrl } from '#server/request-url'

/** Answers a web request. The URL is undefined if the request has no valid one. */
type WebHandler = (request: Request, url: URL | undefined) => Promise<Response>

/**
 * Turns a handler of web requests into a listener for `node:http`. The URL is parsed here, before
 * anything else sees the request: srvx parses it lazily, and its getter throws where it is not valid.
 */
export function toListener(handler: WebHandler): RequestListener {
  return async (request, response) => {
    try {
      const webRequest = new NodeRequest({ req: request, res: response })
      const answer = await handler(webRequest, readUrl(request))
      closeIfDraining(response)
      await sendNodeResponse(response, answer)
    } catch (thrown) {
      // Otherwise the error would end the process, and every other request with it.
      closeIfDraining(response)
      answerLast(thrown, response)
    }
  }
}

/** Says `Connection: close`. If the client went on, its next request could be cut off. */
function closeIfDraining(response: ServerResponse): void {
  if (isDraining()) response.shouldKeepAlive = false
}

function answerLast(thrown: unknown, response: ServerResponse): void {
  const { status, statusText, headers, body } = lastResort(thrown)
  if (response.headersSent) response.destroy()
  else response.writeHead(status, statusText, { ...headers }).end(body)
}
