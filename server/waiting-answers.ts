import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
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

interface Waiting {
  readonly sinceMs: number
  readonly bytes: number
  readonly client: string
}

/** Answers that their clients have not read yet, oldest first. */
const waiting = new Map<ServerResponse, Waiting>()
/** How many requests of a connection wait behind another. */
const behind = new WeakMap<Socket, number>()
let waitingBytes = 0
/** The bytes that wait for each client, by its address: so nobody can crowd out the answers of others. */
const heldBy = new Map<string, number>()
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
  const known = waiting.get(response)
  if (known === undefined) {
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
  const client = known?.client ?? toNetwork(socket.remoteAddress ?? '')
  waiting.set(response, { sinceMs: known?.sinceMs ?? performance.now(), bytes, client })
  count(client, bytes - (known?.bytes ?? 0))
  sweeping ??= setInterval(giveUpLate, sweepMs).unref()
  if (waitingBytes > waitingLimitBytes) giveUpOldest()
}

function count(client: string, bytes: number): void {
  waitingBytes += bytes
  const held = (heldBy.get(client) ?? 0) + bytes
  if (held > 0) heldBy.set(client, held)
  else heldBy.delete(client)
}

function giveUpOldest(): void {
  const [holder] = [...heldBy].reduce((most, each) => (each[1] > most[1] ? each : most))
  for (const [response, { client }] of waiting) {
    if (waitingBytes <= waitingLimitBytes) return
    if (client === holder) giveUp(response)
  }
}

function giveUpLate(): void {
  const latestMs = performance.now() - takenWithinMs
  for (const [response, { sinceMs }] of waiting) {
    if (sinceMs <= latestMs) giveUp(response)
  }
}

function giveUp(response: ServerResponse): void {
  response.req.socket.destroy()
  forget(response)
}

function forget(response: ServerResponse): void {
  const known = waiting.get(response)
  if (known !== undefined) count(known.client, -known.bytes)
  waiting.delete(response)
  if (waiting.size > 0) return
  clearInterval(sweeping)
  sweeping = undefined
}
