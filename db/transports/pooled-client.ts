import { Socket } from 'node:net'
import { Client, type ClientConfig } from 'pg'

/**
 * The `Client` of a pool. The pool has one setting for waiting in its queue and for connecting; they
 * are different. And it can cut its connection: what `pg` would still hold back for the network to
 * send is thrown away, so that no statement arrives after its request was given up.
 */
export function clientConnectingWithin(connectTimeoutMs: number) {
  return class extends Client {
    /** Below TLS, which cannot reset a connection. */
    readonly #socket: Socket

    constructor(config?: ClientConfig) {
      const socket = new Socket()
      super({ ...config, connectionTimeoutMillis: connectTimeoutMs, stream: () => socket })
      this.#socket = socket
    }

    cut(): void {
      this.#socket.resetAndDestroy()
    }
  }
}

/** What is known of every client of the pool. */
export interface PooledClient extends Client {
  cut(): void
  /** Gives it back; with true it is closed. */
  release(isBroken?: boolean): void
}

/**
 * `sslmode=require` encrypts without checking the certificate's name, as libpq and every provider
 * that hands out such a URL mean it; pg reads it as `verify-full` unless told.
 */
export function toLibpqModes(url: string): string {
  const parsed = new URL(url)
  if (parsed.searchParams.has('sslmode') && !parsed.searchParams.has('uselibpqcompat')) {
    parsed.searchParams.set('uselibpqcompat', 'true')
  }
  return parsed.toString()
}
