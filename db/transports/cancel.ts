import { type Client, Connection } from 'pg'

/** What `pg` keeps of a connection for a cancel request; `@types/pg` leaves it out. */
interface Cancellable {
  readonly host: string
  readonly port: number
  readonly ssl: unknown
  readonly processID: number | null
  readonly secretKey: number | null
}

interface CancelConnection {
  readonly stream: { destroy(): void }
  connect(port: number, host: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
  on(event: 'connect' | 'sslconnect' | 'error' | 'end', listener: () => void): void
}

/**
 * Asks Postgres to cancel what a connection is busy with, by a connection of its own as the protocol
 * wants it. Postgres closes that once the request is delivered.
 *
 * @returns whether it was delivered in time; whoever asked cannot do more where it was not
 */
export function cancel(client: Client, timeoutMs: number): Promise<boolean> {
  const { host, port, ssl, processID, secretKey } = client as unknown as Cancellable
  if (processID === null || secretKey === null) return Promise.resolve(false)
  return new Promise((resolve) => {
    const connection = new Connection({ ssl } as object) as unknown as CancelConnection
    let isSent = false
    const end = (isDelivered: boolean) => {
      clearTimeout(timer)
      connection.stream.destroy()
      resolve(isDelivered)
    }
    const timer = setTimeout(() => end(false), timeoutMs)
    const send = () => {
      isSent = true
      connection.cancel(processID, secretKey)
    }
    connection.on('connect', () => (ssl ? connection.requestSsl() : send()))
    connection.on('sslconnect', send)
    connection.on('error', () => end(isSent))
    connection.on('end', () => end(isSent))
    connection.connect(port, host)
  })
}
