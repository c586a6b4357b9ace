import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

/** Sends bytes that no client library would send. @returns status, header lines and body */
export async function sendRaw(url: string, lines: readonly string[]) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write([...lines, 'Host: localhost', 'Connection: close', '', ''].join('\r\n'), 'latin1')
  const answer = await text(socket)
  const end = answer.indexOf('\r\n\r\n')
  const head = answer.slice(0, end)
  const rest = answer.slice(end + 4)
  const isChunked = /\r\ntransfer-encoding: chunked/i.test(head)
  return { status: Number(head.split(' ')[1]), head, body: isChunked ? joinChunks(rest) : rest }
}

function joinChunks(text: string): string {
  const [, length = '0', rest = ''] = /^([0-9a-f]+)\r\n(.*)$/is.exec(text) ?? []
  const size = Number.parseInt(length, 16)
  return size === 0 ? '' : rest.slice(0, size) + joinChunks(rest.slice(size + 2))
}
