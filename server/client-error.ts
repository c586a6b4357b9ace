import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { standingHeaders } from '#lib/http/answer'
import { Problem, problemAnswer } from '#lib/http/errors'
import { everyMethod } from '#lib/http/methods'

/** In which a client must have taken the refusal and closed its side too. */
const lingerMs = 1000

/**
 * Answers what Node's parser gives up on, such as headers that are too large: a problem document
 * like every error, on a connection that cannot be used again.
 */
export function refuseConnection(error: Error & { code?: string }, socket: Duplex): void {
  // Behind an answer that is not sent yet, the refusal would be taken for a part of it.
  const isFree = socket.writable && socket.writableLength === 0
  if (isFree && error.code !== 'ECONNRESET') answerAndClose(toProblem(error.code), socket)
  else socket.destroy()
}

/** Answers CONNECT, which asks a proxy for a tunnel, and which Node hands over as a bare socket. */
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
