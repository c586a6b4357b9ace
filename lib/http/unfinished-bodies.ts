import type { IncomingMessage } from 'node:http'

/** The most that bodies may take together which have not arrived as a whole: some 500 of the largest. */
const limitBytes = 32 * 1024 * 1024

interface Unfinished {
  readonly user: string
  readonly bytes: number
}

/** Bodies that have not arrived as a whole, oldest first. */
const unfinished = new Map<IncomingMessage, Unfinished>()
/** Their bytes by user, so that nobody can crowd out the bodies of others. */
const heldBy = new Map<string, number>()
let heldBytes = 0

/**
 * Notes what is kept of a body until the rest arrives. Without a limit, one user could begin thousands
 * and end none. Beyond it the user who has most loses the connection of the oldest.
 */
export function holdBody(stream: IncomingMessage, user: string, bytes: number): void {
  const known = unfinished.get(stream)
  if (known === undefined) {
    stream.once('end', () => forget(stream))
    stream.once('close', () => forget(stream))
  }
  unfinished.set(stream, { user, bytes })
  count(user, bytes - (known?.bytes ?? 0))
  if (heldBytes > limitBytes) giveUpOldest()
}

function count(user: string, bytes: number): void {
  heldBytes += bytes
  const held = (heldBy.get(user) ?? 0) + bytes
  if (held > 0) heldBy.set(user, held)
  else heldBy.delete(user)
}

function giveUpOldest(): void {
  const [holder] = [...heldBy].reduce((most, each) => (each[1] > most[1] ? each : most))
  for (const [stream, { user }] of unfinished) {
    if (heldBytes <= limitBytes) return
    if (user !== holder) continue
    stream.destroy()
    forget(stream)
  }
}

function forget(stream: IncomingMessage): void {
  const known = unfinished.get(stream)
  if (known !== undefined) count(known.user, -known.bytes)
  unfinished.delete(stream)
}
