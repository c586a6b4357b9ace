import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Problem, problemAnswer } from '#lib/http/errors'
import { standingHeaders } from '#lib/http/standing-headers'

/**
 * Answers what Node's parser gives up on, such as headers that are too large: a problem document
 * like every error, on a connection that cannot be used again.
 */
export function refuseConnection(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const requestId = crypto.randomUUID()
  const { status = 400, headers, body = '' } = problemAnswer(toProblem(error.code), requestId)
  const lines = Object.entries({
    ...standingHeaders,
    ...headers,
    'x-request-id': requestId,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
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
