import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import next from 'next'
import { isSet, setVariable } from '#lib/config/env'
import { refuse } from '#server/refusals'
import { toListener } from '#server/to-listener'

/** What a route file can export. To any other method Next answers 500. */
const methodsOfNext = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** More than any client sends. Next compares each parameter with all others: 4,000 took it 0.3 s. */
const parametersOfNext = 100

/**
 * Starts the service, and returns what answers requests by what `next build` made. Next starts the
 * service itself, in `instrumentation.ts`, which ends the process where it cannot.
 */
export async function startOnNext(): Promise<RequestListener> {
  setVariable('NEXT_TELEMETRY_DISABLED', '1')
  // Next adds a listener for upgrades to the server that it is told of; ours shall not have one.
  const app = next({ dev: false, httpServer: createServer() })
  await app.prepare()
  const answerByNext = app.getRequestHandler()
  const ownPaths = isSet('METRICS_TOKEN')
    ? /^\/(?:_|(?:404|500|metrics)\/?$)/
    : /^\/(?:_|(?:404|500)\/?$)/
  // Counting begins when it is loaded.
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
 * Whether Next answers a request as the contract says, and in bounded time. It answers a method that
 * no file can export and a malformed path by a 500 in plain text, and a double slash by a redirect. `/_next`, `/404`
 * and their like are its own: pages, and an optimizer of images that this service does not need.
 */
function isForNext({ method = '', url = '' }: IncomingMessage, ownPaths: RegExp): boolean {
  const [encodedPath = '', query = ''] = url.split('?', 2)
  const path = decode(encodedPath)
  return (
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
    // The one thing that decodeURIComponent throws is a URIError.
    return undefined
  }
}

/** Loaded with the first request that needs it, because it brings the route files along. */
async function answerAsOnNode(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { handle } = await import('#server/handle')
  toListener(handle)(request, response)
}
