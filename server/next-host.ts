import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import next from 'next'
import { isSet, setVariable } from '#lib/config/env'
import { refuse } from '#server/refusals'
import { readUrl } from '#server/request-url'
import { toListener } from '#server/to-listener'

/** The methods that a route file can export. Next answers any other method with a 500. */
const methodsOfNext = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** More than any client sends. Next compares every two of them, which took 0.3 s for 4,000. */
const parametersOfNext = 100

/**
 * Returns the listener that serves what `next build` made. Next itself starts the service, in
 * `instrumentation.ts`, and the process ends there if the start fails.
 */
export async function startOnNext(): Promise<RequestListener> {
  setVariable('NEXT_TELEMETRY_DISABLED', '1')
  // Next adds an `upgrade` listener to the server in its options. This one never listens.
  const app = next({ dev: false, httpServer: createServer() })
  await app.prepare()
  const answerByNext = app.getRequestHandler()
  const ownPaths = isSet('METRICS_TOKEN')
    ? /^\/(?:_|(?:404|500|metrics)\/?$)/
    : /^\/(?:_|(?:404|500)\/?$)/
  // This module starts to count when it is loaded.
  if (isSet('METRICS_TOKEN')) await import('#server/handle')

  return (request, response) => {
    if (!isForNext(request, ownPaths)) {
      answerAsOnNode(request, response)
      return
    }
    answerByNext(request, response).catch((thrown: unknown) => {
      if (response.headersSent) response.destroy()
      else toListener(refuse(thrown))(request, response)
    })
  }
}

/**
 * Whether Next answers a request as the API promises, and in bounded time. It answers an unknown
 * method and a malformed path with a 500 in plain text, and a double slash with a redirect.
 * `/_next`, `/404` and the like are its own pages and its image optimizer, which this service does
 * not need.
 */
function isForNext(request: IncomingMessage, ownPaths: RegExp): boolean {
  const { method = '', url = '' } = request
  const [encodedPath = '', query = ''] = url.split('?', 2)
  const path = decode(encodedPath)
  return (
    readUrl(request) !== undefined &&
    methodsOfNext.has(method) &&
    query.split('&', parametersOfNext + 1).length <= parametersOfNext &&
    path !== undefined &&
    /^(?!.*(?:\/\/|\\))\//s.test(path) &&
    !ownPaths.test(path)
  )
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    // decodeURIComponent throws only a URIError: the path has a malformed percent sign.
    return undefined
  }
}

/**
 * Answers a request without Next. The module is loaded with the first such request, because it
 * imports all route files.
 */
async function answerAsOnNode(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { handle } = await import('#server/handle')
  toListener(handle)(request, response)
}
