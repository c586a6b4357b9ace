import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { standingHeaders } from '#lib/http/answer'
import { openToAll } from '#lib/http/cors'
import { Problem, problemAnswer } from '#lib/http/errors'
import { everyMethod } from '#lib/http/methods'

/** How long a client has to read the refusal and close its side of the connection. */
const lingerMs = 1000

/**
 * Answers a request that Node's parser refuses, for example because its headers are too large. The
 * answer is a problem document, as for every error. The connection is closed after it.
 */
export function refuseConnection(error: Error & { code?: string }, socket: Duplex): void {
  // While an earlier answer is being sent, the client would read the refusal as a part of it.
  const isFree = socket.writable && socket.writableLength === 0
  if (isFree && error.code !== 'ECONNRESET') answerAndClose(toProblem(error.code), socket)
  else socket.destroy()
}

/** Refuses CONNECT, which asks a proxy for a tunnel. Node passes it on as a bare socket. */
export function refuseConnect(socket: Duplex): void {
  const headers = { allow: everyMethod }
  answerAndClose(
    new Problem('method_not_allowed', `CONNECT is not one of ${everyMethod}.`, { headers }),
    socket,
  )
}

function answerAndClose(problem: Problem, socket: Duplex): void {
  const requestId = crypto.randomUUID()
  const { status = 400, headers, body = '' } = problemAnswer(problem, requestId)
  const lines = Object.entries({
    ...standingHeaders,
    ...openToAll,
    ...headers,
    'x-request-id': requestId,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  socket.on('error', () => socket.destroy())
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'))
  setTimeout(() => socket.destroy(), lingerMs).unref()
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
