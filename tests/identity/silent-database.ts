import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** Stands where the database should be, hangs up on everybody, and counts who came. */
export async function startSilentDatabase() {
  let visits = 0
  const server = createServer((socket) => {
    visits += 1
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `postgres://nobody:nothing@127.0.0.1:${(server.address() as AddressInfo).port}/none`,
    visits: () => visits,
    stop: () => new Promise((resolve) => server.close(resolve)),
  }
}
