import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Global, because on Next `instrumentation.ts` and the routes each have a copy of this module. */
const shared = globalThis as typeof globalThis & {
  todoPeers?: AsyncLocalStorage<string | undefined>
}
shared.todoPeers ??= new AsyncLocalStorage()
const peers = shared.todoPeers

/**
 * Notes the address of the peer for each request from now on, because Next does not tell its
 * handlers. Node publishes every request on a channel before it is answered, on each server. Unlike
 * a header, a client cannot forge this address.
 */
export function rememberPeers(): void {
  subscribe('http.server.request.start', (message) => {
    const { socket } = message as { readonly socket: Socket }
    peers.enterWith(socket.remoteAddress)
  })
}

/** The address of the peer of the request that is being answered. */
export function peerAddress(): string | undefined {
  return peers.getStore()
}
