import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'

/** Sends a request line and headers that no client library would send; returns the whole answer. */
export async function sendRaw(url: string, lines: string[]): Promise<string> {
  const socket = await openSocket(url)
  socket.write([...lines, 'Host: localhost', 'Connection: close', '', ''].join('\r\n'))
  return await text(socket)
}

/** A connection to the service. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}
