import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { jsonBody } from '#lib/http/inputs'
import { listen } from '#tests/support/service'

/** @returns what begins a body of 64 KiB for a user, and leaves its last byte out */
async function serve() {
  const body = jsonBody('Body', z.object({}), {})
  const server = createServer(async (req, response) => {
    const userId = String(req.headers['x-user'])
    const request = Object.assign(new Request('http://service/'), { runtime: { node: { req } } })
    const source = { request, url: new URL(request.url), params: {}, caller: { userId } }
    const status = await body.read(source).then(
      () => 200,
      () => 400,
    )
    response.writeHead(status).end()
  })
  const port = await listen(server)
  onTestFinished(() => server.close().closeAllConnections())
  return async (userId: string) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    const size = 64 * 1024
    socket.write(
      `POST / HTTP/1.1\r\nHost: a\r\nX-User: ${userId}\r\nContent-Length: ${size}\r\n\r\n`,
    )
    socket.write(`{}${' '.repeat(size - 3)}`)
    await once(socket, 'connect')
    return socket.resume()
  }
}

test('of 32 MiB of unfinished bodies the user who has most loses the oldest, and nobody else any', async () => {
  const begin = await serve()
  const other = await begin('other')
  const many: Socket[] = []
  for (let begun = 0; begun < 600; begun += 1) many.push(await begin('one of many'))
  const isClosed = ({ closed }: Socket) => closed
  // 512 have room, and Node may have read a part of each.
  await expect.poll(() => many.filter(isClosed).length).toBeGreaterThan(80)
  expect(many.slice(-400).filter(isClosed)).toEqual([])
  for (const socket of [other, ...many.slice(-1)]) {
    const answer = once(socket, 'data')
    socket.write(' ')
    expect(String(await answer)).toMatch(/^HTTP\/1.1 200/)
  }
})
