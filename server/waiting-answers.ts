import { type IncomingMessage, ServerResponse } from 'node:http'

/** A connection that holds less costs about as much as one that is idle. */
const smallBytes = 16 * 1024
/** What answers may hold together. Beyond it the one that has waited longest is given up. */
const waitingLimitBytes = 32 * 1024 * 1024
/** In which an answer must have been taken. A list of 1,000 tasks needs 0.1 to 2 Mbit/s for that. */
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
 * A response that is given up where nobody reads it. Without this, whoever asks for lists and
 * reads nothing fills the memory of the process (a "slow read" attack).
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
  // Without a socket it stands behind another answer on its connection (pipelining).
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
    // One that stood behind another is not told when their connection closes.
    if (sinceMs <= latestMs || response.req.socket.destroyed) giveUp(response)
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
