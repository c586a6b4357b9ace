import type { RequestListener } from 'node:http'

/** How long a turn of the event loop may begin requests: time for dozens of them on plain Node. */
const turnMs = 5

/**
 * Begins requests in short turns; see ADR 0061. libuv accepts one connection in each turn of the event
 * loop. If all requests of a thousand busy clients began in one turn, it would take up to a second,
 * and whoever connects meanwhile would wait for a first answer until the others stop.
 *
 * At most one request of a connection is put off: one that a client sends before the last is answered
 * (pipelining) has no socket yet. Node reads on while nothing is answered, so such requests would pile up.
 */
export function inTurns(listener: RequestListener): RequestListener {
  let endsAt: number | undefined
  return function begin(request, response) {
    const now = performance.now()
    if (endsAt === undefined) {
      endsAt = now + turnMs
      setImmediate(() => {
        endsAt = undefined
      })
    }
    // What is put off stands behind the reset, and in front of what arrives later.
    if (now >= endsAt && response.socket !== null) setImmediate(begin, request, response)
    else if (!request.socket.destroyed) listener(request, response)
  }
}
