import { malformedUrl, Problem } from '#lib/http/errors'
import { pathNotFound } from '#lib/http/methods'
import { noUrl, withRequest } from '#lib/http/with-request'

/** The route that the log shows for a request that no route file handles: an unknown path. */
const noRoute = { params: Promise.resolve({ path: [] }), url: noUrl }

/** Makes a handler that answers with this error, for requests that no route file handles. */
function refuse(thrown: unknown): (request: Request) => Promise<Response> {
  const handler = withRequest(() => {
    throw thrown
  })
  return (request) => handler(request, noRoute)
}

export const noValidUrl = refuse(malformedUrl())

export const malformedPath = refuse(
  new Problem('malformed_path', 'The path has a percent sign that encodes nothing.'),
)

export const nothingHere = refuse(pathNotFound())
