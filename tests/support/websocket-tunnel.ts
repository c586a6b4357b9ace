import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocketServer } from 'ws'

/** Passes the bytes of a WebSocket to a Postgres and back, as Neon's proxy does on `/v2`. */
export function tunnelToPostgres(
  server: WebSocketServer,
  postgresPort: number,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  server.handleUpgrade(request, socket, head, (webSocket) => {
    const upstream = connect(postgresPort, '127.0.0.1')
    webSocket.on('message', (data: Buffer) => upstream.write(data))
    webSocket.on('close', () => upstream.destroy())
    webSocket.on('error', () => upstream.destroy())
    upstream.on('data', (data) => webSocket.send(data))
    upstream.on('close', () => webSocket.close())
    upstream.on('error', () => webSocket.close())
  })
}
