import { Socket } from 'node:net'
import { Client, type ClientConfig, type Connection } from 'pg'
import { Answers, type Listener } from '#db/transports/answers'
import type { NamedStatements } from '#db/transports/pipelined-transaction'

/**
 * The `Client` of a pool. The pool has one setting for waiting in its queue and for connecting; they
 * are different. It can cut its connection: what `pg` would still hold back for the network to send
 * is thrown away, so that no statement arrives after its request was given up. And it can tell
 * somebody else than `pg` what Postgres answers: see ADR 0060.
 */
export function clientConnectingWithin(connectTimeoutMs: number, namedStatements: boolean) {
  return class extends Client {
    readonly named: NamedStatements | undefined = namedStatements ? new Map() : undefined
    /** Below TLS, which cannot reset a connection. */
    readonly #socket: Socket
    #answers: Answers | undefined

    constructor(config?: ClientConfig) {
      const socket = new Socket()
      super({ ...config, connectionTimeoutMillis: connectTimeoutMs, stream: () => socket })
      this.#socket = socket
    }

    cut(): void {
      // Only TCP can be reset. A Unix socket loses what it holds back when it is closed.
      if (this.#socket.remoteAddress === undefined) this.#socket.destroy()
      else this.#socket.resetAndDestroy()
    }

    tell(listener: Listener | undefined): void {
      this.#answers ??= answersOf(this.connection)
      this.#answers.listener = listener
    }
  }
}

/** What is known of every client of the pool. */
export interface PooledClient extends Client {
  /** The statements that its connection knows by name; undefined to name none. */
  readonly named: NamedStatements | undefined
  cut(): void
  /** Who is told what Postgres answers from now on; `pg` where it is undefined. */
  tell(listener: Listener | undefined): void
  /** Gives it back; with true it is closed. */
  release(isBroken?: boolean): void
}

/** What arrives, taken apart before `pg` sees it. It is asked for between two messages. */
function answersOf(connection: Connection): Answers {
  const { stream } = connection
  const toPg = stream.listeners('data')
  const answers = new Answers((messages) => {
    for (const listener of toPg) listener.call(stream, messages)
  })
  stream.removeAllListeners('data')
  stream.on('data', (chunk) => answers.read(chunk))
  connection.on('error', (error: Error) => answers.listener?.broken(error))
  connection.on('end', () => answers.listener?.broken(new Error('connection terminated')))
  return answers
}
