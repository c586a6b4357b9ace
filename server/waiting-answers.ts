import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { HeldBytes } from '#lib/http/held-bytes'
import { toNetwork } from '#lib/http/network'

/** A connection with fewer unread bytes costs about as much memory as an idle one. */
const smallBytes = 16 * 1024
/** What a request costs that waits behind another on its connection (pipelining), without its answer. */
const requestBytes = 16 * 1024
/** The most requests that may wait so on one connection. No browser and no proxy sends any. */
const mostBehind = 100
/** The most that unread answers may take together. Beyond it the client that holds most loses its oldest. */
const waitingLimitBytes = 32 * 1024 * 1024
/** How long a client has to read an answer. A list of 1,000 tasks needs 0.1 to 2 Mbit/s. */
const takenWithinMs = 30_000
const sweepMs = 1000

/** Answers that their clients have not read yet, by the address of the client. */
const waiting = new HeldBytes<ServerResponse>(waitingLimitBytes, giveUp)
/** How many requests of a connection wait behind another. */
const behind = new WeakMap<Socket, number>()
let sweeping: NodeJS.Timeout | undefined

type Callback = (error: Error | null | undefined) => void

/**
 * A response that closes its connection if the client does not read it. Without this, a client
 * could request many lists, read none of them, and fill the memory of the process (a "slow read"
 * attack).
 */
export class WatchedResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  override write(chunk: unknown, callback?: Callback): boolean
  override write(chunk: unknown, encoding: BufferEncoding, callback?: Callback): boolean
  override write(chunk: unknown, second?: BufferEncoding | Callback, third?: Callback): boolean {
    const hasRoom =
      typeof second === 'string' ? super.write(chunk, second, third) : super.write(chunk, second)
    watch(this)
    return hasRoom
  }
}

/** Counts what a response keeps in memory: one behind another from its request on, also without a body. */
export function watch(response: ServerResponse): void {
  const { socket } = response.req
  // A response without a socket of its own waits behind another one.
  const isBehind = response.socket === null
  if (isBehind && socket.destroyed) return
  const bytes = response.writableLength + (isBehind ? requestBytes : 0)
  if (bytes <= smallBytes && !isBehind) return
  if (!waiting.has(response)) {
    response.once('finish', () => forget(response))
    response.once('close', () => forget(response))
    if (isBehind) {
      const others = behind.get(socket) ?? 0
      if (others === mostBehind) {
        giveUp(response)
        return
      }
      behind.set(socket, others + 1)
      response.once('finish', () => behind.set(socket, (behind.get(socket) ?? 1) - 1))
    }
  }
  sweeping ??= setInterval(giveUpLate, sweepMs).unref()
  waiting.set(response, toNetwork(socket.remoteAddress ?? ''), bytes)
}

function giveUpLate(): void {
  waiting.giveUpSince(performance.now() - takenWithinMs)
}

function giveUp(response: ServerResponse): void {
  response.req.socket.destroy()
  forget(response)
}

function forget(response: ServerResponse): void {
  waiting.delete(response)
  if (!waiting.isEmpty) return
  clearInterval(sweeping)
  sweeping = undefined
}
