import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { type ClientConfig, type Connection, Client as PgClient } from 'pg'
import {
  headBytes,
  readError,
  readMessages,
  type TakeMessage,
  unexpected,
} from '#db/transports/postgres/wire'

/** What `pg` reads: authentication, keys, the end. Of others, a broken one can hang it. */
const ofStart = 'RKZ'

/** Who is told what happens on a connection. */
export interface Listener {
  opened(): void
  /** A message has come since. @throws Error where it is not to be believed */
  readonly read: TakeMessage
  /** It had to be closed, because what came is not to be believed. */
  mistrusted(error: unknown): void
  /** It is closed, or could not be opened; may be told more than once. */
  ended(error: Error): void
}

/** What `@types/pg` leaves out: it has `pg` read what a stream emits. */
type Reader = Connection & { attachListeners(stream: EventEmitter): void }

/**
 * A connection to Postgres. `pg` opens it: it encrypts and authenticates. What arrives is taken apart
 * here from the first byte on, so `pg` gets whole messages, and none behind its first ReadyForQuery.
 */
export class Client {
  readonly #pg: PgClient
  /** Below TLS, which cannot reset a connection. */
  readonly #socket = new Socket()
  readonly #listener: Listener
  #rest: Buffer = Buffer.alloc(0)
  /** The id of the backend that it was opened to: the server's, or what a pooler makes up. */
  backend = '0'
  #isOpen = false
  #isCut = false

  constructor(config: ClientConfig, listener: Listener) {
    this.#listener = listener
    this.#pg = new PgClient({ ...config, stream: () => this.#socket })
    const toPg = new EventEmitter()
    const reader = this.#pg.connection as Reader
    reader.attachListeners(toPg)
    reader.attachListeners = (stream) => stream.on('data', (chunk) => this.#read(chunk, toPg))
    this.#pg.on('error', (error) => listener.ended(error))
    this.#pg.on('end', () => listener.ended(new Error('connection terminated')))
    this.#pg.connect((error: Error | null) => {
      if (error === null) listener.opened()
      else listener.ended(error)
    })
  }

  write(messages: readonly Buffer[]): void {
    this.#pg.connection.stream.write(Buffer.concat(messages))
  }

  /**
   * Closes it at once. What was not delivered, or not read by Postgres, is thrown away, so that no
   * statement runs after its request was given up.
   */
  cut(): void {
    this.#isCut = true
    // Only TCP can be reset. Who is at the other end of a Unix socket sees at once that it is closed.
    if (this.#socket.remoteFamily === undefined) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  /** Tells Postgres to close it. */
  end(): void {
    void this.#pg.end()
  }

  #read(chunk: Buffer, toPg: EventEmitter): void {
    try {
      const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
      this.#rest = readMessages(bytes, (type, _, start, end) => {
        if (this.#isCut) return
        if (this.#isOpen) this.#listener.read(type, bytes, start, end)
        else if (type === 'E') this.#listener.ended(readError(bytes, start, end))
        else if (ofStart.includes(type)) {
          this.#isOpen = type === 'Z'
          if (type === 'K') this.backend = String(bytes.readInt32BE(start))
          toPg.emit('data', bytes.subarray(start - headBytes, end))
        } else throw unexpected(type)
      })
    } catch (error) {
      this.#listener.mistrusted(error)
    }
  }
}
