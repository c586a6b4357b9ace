import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Of the process: on Next `instrumentation.ts` and the routes each have a copy of this module. */
const shared = globalThis as typeof globalThis & {
  todoPeers?: AsyncLocalStorage<string | undefined>
}
shared.todoPeers ??= new AsyncLocalStorage()
const peers = shared.todoPeers

/**
 * From now on each request knows the address at the other end of its connection. Next does not tell
 * its handlers. Node tells of each request on a channel, whichever server takes it, before anybody
 * answers it; and unlike a header, nobody can write it.
 */
export function rememberPeers(): void {
  subscribe('http.server.request.start', (message) => {
    const { socket } = message as { readonly socket: Socket }
    peers.enterWith(socket.remoteAddress)
  })
}

/** The address at the other end of the connection of the request that is being answered. */
export function peerAddress(): string | undefined {
  return peers.getStore()
}
