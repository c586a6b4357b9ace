import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Problem } from '#lib/http/errors'
import { answerToAll } from '#lib/http/last-resort'
import { everyMethod } from '#lib/http/methods'

/** How long a client has to read the refusal and close its side of the connection. */
const lingerMs = 1000

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** The latest request of each connection, until it has arrived as a whole and is answered. */
const exchanges = new WeakMap<Duplex, Exchange | undefined>()

interface Finished extends Exchange {
  readonly socket: Socket
}

// An idle connection would keep the memory of its last request, with headers of up to 16 KiB.
subscribe('http.server.response.finish', (message) => {
  const { request, response, socket } = message as Finished
  if (request.complete) {
    forgetExchange(socket, response)
    return
  }
  // One that was refused before its body had arrived. What cannot be read there is the rest of it.
  request.once('end', () => forgetExchange(socket, response))
  if (response.shouldKeepAlive) return
  // Node is about to close the connection. At once, that would be a reset to a client that still sends,
  // such as nginx, and would take the answer away.
  socket.destroySoon = () => {
    socket.end()
    request.once('end', () => closeSoon(socket))
  }
})

function forgetExchange(socket: Duplex, response: ServerResponse): void {
  if (exchanges.get(socket)?.response === response) exchanges.set(socket, undefined)
}

/** Notes a request as the latest of its connection, for `refuseConnection`. */
export function rememberExchange(request: IncomingMessage, response: ServerResponse): void {
  exchanges.set(request.socket, { request, response })
}

/**
 * Answers a request that Node's parser refuses, for example because its headers are too large. The
 * answer is a problem document, as for every error. The connection is closed after it, and after
 * the answers that are under way on it: the client would read a refusal as a part of them.
 */
export function refuseConnection(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const latest = exchanges.get(socket)
  if (latest === undefined || isExpected(latest, socket)) {
    answerAndClose(toProblem(error.code), socket)
  } else if (latest.response.socket === null && !latest.response.writableFinished) {
    // It waits behind another answer, and for a rest that never comes. Its turn comes with the socket.
    latest.response.once('socket', () => refuseConnection(error, socket))
  } else afterAnswer(latest.response, () => closeSoon(socket))
}

/** Refuses CONNECT, which asks a proxy for a tunnel. Node passes it on as a bare socket. */
export function refuseConnect(socket: Duplex): void {
  const headers = { allow: everyMethod }
  const detail = `CONNECT is not one of ${everyMethod}.`
  const refuse = () =>
    answerAndClose(new Problem('method_not_allowed', detail, { headers }), socket)
  const latest = exchanges.get(socket)
  if (latest === undefined) refuse()
  else afterAnswer(latest.response, refuse)
}

/**
 * Whether a refusal is the answer that the client expects next: what cannot be read is the rest of
 * the latest request, which has no answer yet, or comes when that has its answer.
 */
function isExpected({ request, response }: Exchange, socket: Duplex): boolean {
  if (request.complete) return response.writableFinished
  return !response.headersSent && response.socket === socket
}

function afterAnswer(response: ServerResponse, act: () => void): void {
  if (response.writableFinished) act()
  else response.once('close', act)
}

function answerAndClose(problem: Problem, socket: Duplex): void {
  const { status, statusText, headers, body } = answerToAll(problem, crypto.randomUUID())
  const lines = Object.entries({
    ...headers,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  socket.write([`HTTP/1.1 ${status} ${statusText}`, ...lines, '', body].join('\r\n'))
  closeSoon(socket)
}

/** Closes the connection when the client has read what was sent, or after a while. */
function closeSoon(socket: Duplex): void {
  socket.on('error', () => socket.destroy())
  socket.end()
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
