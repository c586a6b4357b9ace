/** What a connection needs to know of all those that carry transactions; see `Connections`. */
export interface Neighbours<Connection> {
  readonly cancelTimeoutMs: number
  /** What the quickest answer took: little more than the network does. */
  readonly quickestMs: number
  /** Whether what is slow here could have a connection of its own. */
  hasSpare(): boolean
  /** To be called with every answer. @param afterMs how long it took */
  answered(afterMs: number): void
  /** To be called where a transaction of the user has held others up. */
  slow(user: string): void
  /** To be called when the connection was closed, or went back to the pool. */
  left(connection: Connection): void
}
