import { type IncomingMessage, ServerResponse } from 'node:http'

/** A connection with fewer unread bytes costs about as much memory as an idle one. */
const smallBytes = 16 * 1024
/** The most that unread answers may take together. Beyond it the oldest of them is dropped. */
const waitingLimitBytes = 32 * 1024 * 1024
/** How long a client has to read an answer. A list of 1,000 tasks needs 0.1 to 2 Mbit/s. */
const takenWithinMs = 30_000
const sweepMs = 1000

interface Waiting {
  readonly sinceMs: number
  readonly bytes: number
}

/** Answers that their clients have not read yet, oldest first. */
const waiting = new Map<ServerResponse, Waiting>()
let waitingBytes = 0
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

function watch(response: ServerResponse): void {
  const bytes = response.writableLength
  // A response without a socket waits behind another one on its connection (pipelining).
  if (bytes <= smallBytes && response.socket !== null) return
  const known = waiting.get(response)
  if (known === undefined) {
    response.once('finish', () => forget(response))
    response.once('close', () => forget(response))
  }
  waiting.set(response, { sinceMs: known?.sinceMs ?? performance.now(), bytes })
  waitingBytes += bytes - (known?.bytes ?? 0)
  sweeping ??= setInterval(giveUpLate, sweepMs).unref()
  if (waitingBytes > waitingLimitBytes) giveUpOldest()
}

function giveUpOldest(): void {
  for (const response of waiting.keys()) {
    if (waitingBytes <= waitingLimitBytes) return
    giveUp(response)
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
  waitingBytes -= waiting.get(response)?.bytes ?? 0
  waiting.delete(response)
  if (waiting.size > 0) return
  clearInterval(sweeping)
  sweeping = undefined
}
