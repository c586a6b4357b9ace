import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'

/** Sends a request line and headers that no client library would send; returns the whole answer. */
export async function sendRaw(url: string, lines: readonly string[]): Promise<string> {
  const socket = await openSocket(url)
  const head = [...lines, 'Host: localhost', 'Connection: close', '', '']
  socket.write(head.join('\r\n'), 'latin1')
  return await text(socket)
}

/** A connection to the service. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

/** The same, with the answer taken apart. */
export async function readRaw(url: string, lines: readonly string[]) {
  const answer = await sendRaw(url, lines)
  const end = answer.indexOf('\r\n\r\n')
  const head = answer.slice(0, end)
  const rest = answer.slice(end + 4)
  const isChunked = /\r\ntransfer-encoding: chunked/i.test(head)
  return { status: Number(head.split(' ')[1]), head, body: isChunked ? joinChunks(rest) : rest }
}

function joinChunks(chunks: string): string {
  const [, length = '0', rest = ''] = /^([0-9a-f]+)\r\n(.*)$/is.exec(chunks) ?? []
  const size = Number.parseInt(length, 16)
  return size === 0 ? '' : rest.slice(0, size) + joinChunks(rest.slice(size + 2))
}
