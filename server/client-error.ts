import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Problem, problemResponse } from '#lib/errors'
import { standingHeaders } from '#lib/standing-headers'

/**
 * Answers what Node's parser gives up on, such as headers that are too large: a problem document
 * like every error, on a connection that cannot be used again.
 */
export async function refuseConnection(error: Error & { code?: string }, socket: Duplex) {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const requestId = crypto.randomUUID()
  const response = problemResponse(toProblem(error.code), requestId)
  const body = await response.text()
  const headers = [
    ...response.headers,
    ...standingHeaders,
    ['x-request-id', requestId],
    ['content-length', String(Buffer.byteLength(body))],
    ['connection', 'close'],
  ]
  const { status } = response
  const lines = headers.map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'))
}

function toProblem(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large', 'The headers exceed 16 KiB.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request_timeout', 'The request did not arrive in time.')
    default:
      return new Problem('malformed_request', 'This is not an HTTP request.')
  }
}
