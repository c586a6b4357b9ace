import { once } from 'node:events'
import type { Socket } from 'node:net'
import { runSql } from '#tests/support/postgres'
import { createBy, openSocket } from '#tests/support/send'
import { newUser, tokenFor } from '#tests/support/tokens'

/** Of the list of `userWithLongList`: each character is six in JSON. */
export const longListBytes = 7_000_000

/** A user with the longest list there can be: 1,000 tasks, full of characters that JSON escapes. */
export async function userWithLongList(url: string, databaseUrl: string): Promise<string> {
  const user = newUser()
  await createBy(url, user)
  await runSql(
    databaseUrl,
    `insert into tasks (user_id, id, title, description)
      select '${user}', gen_random_uuid(), repeat(chr(1), 200), repeat(chr(1), 1000)
      from generate_series(1, 1000)`,
  )
  return user
}

/** Asks for a user's list on a connection of its own, and reads nothing of the answer. */
export async function askAndReadNothing(url: string, user: string): Promise<Socket> {
  const socket = await openSocket(url)
  socket.pause()
  socket.on('error', () => {})
  const head = [
    'GET /api/tasks HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${await tokenFor(user)}`,
  ]
  socket.write([...head, '', ''].join('\r\n'))
  return socket
}

/** How much of an answer arrived before its connection was closed; all there is where it never is. */
export async function bytesBeforeClose(socket: Socket, timeoutMs = 5000): Promise<number> {
  const ended = once(socket, 'close')
  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  socket.resume()
  await ended
  clearTimeout(timer)
  return socket.bytesRead
}
