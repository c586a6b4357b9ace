import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Problem, problemResponse } from '#lib/errors'
import { standingHeaders } from '#lib/standing-headers'

/**
 * Answers what Node's HTTP parser refuses, before there is a request, as a problem document. Node's
 * own answer has no body.
 */
export async function answerClientError(
  error: Error & { code?: string },
  socket: Duplex,
): Promise<void> {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const code = error.code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'malformed_request'
  const requestId = crypto.randomUUID()
  const response = problemResponse(new Problem(code, details[code]), requestId)
  for (const [name, value] of standingHeaders) response.headers.set(name, value)
  response.headers.set('x-request-id', requestId)
  response.headers.set('connection', 'close')
  const body = await response.text()
  response.headers.set('content-length', String(Buffer.byteLength(body)))
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`)
  const status = `${response.status} ${STATUS_CODES[response.status]}`
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`)
}

const details = {
  headers_too_large: 'The headers of the request exceed 16 KB.',
  malformed_request: 'The request is not HTTP that can be read.',
}
