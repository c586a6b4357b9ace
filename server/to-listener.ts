import type { RequestListener, ServerResponse } from 'node:http'
import { NodeRequest, sendNodeResponse } from 'srvx/node'
import { lastResort } from '#lib/http/last-resort'
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
      await sendNodeResponse(response, await handler(webRequest, readUrl(request)))
    } catch (thrown) {
      // Otherwise the error would end the process, and every other request with it.
      answerLast(thrown, response)
    }
  }
}

function answerLast(thrown: unknown, response: ServerResponse): void {
  const { status, statusText, headers, body } = lastResort(thrown)
  if (response.headersSent) response.destroy()
  else response.writeHead(status, statusText, { ...headers }).end(body)
}
