import { Problem } from '#lib/http/errors'
import { pathNotFound } from '#lib/http/methods'
import { withRequest } from '#lib/http/with-request'

/** The parameters that Next gives `[...path]`, so that the log shows that route for refusals. */
const noParams = { params: Promise.resolve({ path: [] }) }

/** Makes a handler that answers with this error, for requests that no route file handles. */
export function refuse(thrown: unknown): (request: Request) => Promise<Response> {
  const handler = withRequest(() => {
    throw thrown
  })
  return (request) => handler(request, noParams)
}

export const malformedHost = refuse(
  new Problem('malformed_request', 'The Host header is missing, or is no host.'),
)

export const malformedPath = refuse(
  new Problem('malformed_path', 'The path has a percent sign that encodes nothing.'),
)

export const nothingHere = refuse(pathNotFound())
