import type { IncomingMessage } from 'node:http'
import { HeldBytes } from '#lib/http/held-bytes'

/** The most that bodies may take together which have not arrived as a whole: some 500 of the largest. */
const limitBytes = 32 * 1024 * 1024

const unfinished = new HeldBytes<IncomingMessage>(limitBytes, (stream) => {
  stream.destroy()
  unfinished.delete(stream)
})

/**
 * Notes what is kept of a body until the rest arrives. Without a limit, one user could begin thousands
 * and end none. Beyond it the user who has most loses the connection of the oldest.
 */
export function holdBody(stream: IncomingMessage, user: string, bytes: number): void {
  if (!unfinished.has(stream)) {
    stream.once('end', () => unfinished.delete(stream))
    stream.once('close', () => unfinished.delete(stream))
  }
  unfinished.set(stream, user, bytes)
}
