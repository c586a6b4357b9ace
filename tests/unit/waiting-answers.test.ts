import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { rememberExchange } from '#server/client-error'
import { WatchedResponse } from '#server/waiting-answers'
import { listen } from '#tests/support/service'
import { left } from '#tests/unit/garbage'

const megabyte = 2 ** 20

/** @returns what sends requests on a connection, and waits until the first answer begins */
async function serve(listener: RequestListener) {
  const options = { ServerResponse: WatchedResponse, keepAliveTimeout: 0 }
  const server = createServer(options, listener)
  const port = await listen(server)
  onTestFinished(() => server.close().closeAllConnections())
  return async (requests = 1, localAddress = '127.0.0.1') => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(requests))
    await once(socket, 'readable')
    return socket
  }
}

test('beyond 32 MiB the oldest unread answer is given up, and the others arrive, in however many writes', async () => {
  const connectAndAsk = await serve((_, response) => {
    response.setHeader('connection', 'close')
    for (let part = 0; part < 12; part += 1) response.write(Buffer.alloc(megabyte))
    response.end()
  })
  // One after another, so that the order is known.
  const clients = [await connectAndAsk(), await connectAndAsk(), await connectAndAsk()]
  const [oldest, ...others] = await Promise.all(
    clients.map((client) => buffer(client).catch(() => Buffer.alloc(0))),
  )
  expect(oldest?.length).toBeLessThan(12 * megabyte)
  for (const bytes of others) expect(bytes.length).toBeGreaterThan(12 * megabyte)
})

test.skipIf(process.platform !== 'linux')(
  'an older answer of another client is not given up for those of one who reads none',
  async () => {
    const connectAndAsk = await serve((_, response) => {
      response.setHeader('connection', 'close')
      response.write(Buffer.alloc(12 * megabyte))
      response.end()
    })
    const slow = await connectAndAsk(1, '127.0.0.2')
    for (let hoarding = 0; hoarding < 4; hoarding += 1) await connectAndAsk()
    expect((await buffer(slow)).length).toBeGreaterThan(12 * megabyte)
  },
)

test('what a client leaves behind is freed, also an answer that waits behind another', async () => {
  const answers: WeakRef<object>[] = []
  const connectAndAsk = await serve((_, response) => {
    answers.push(new WeakRef(response))
    // The first never ends, so that the second waits behind it, and is more than the kernel takes.
    response.write(Buffer.alloc(8 * megabyte))
  })
  const client = await connectAndAsk(2)
  await expect.poll(() => answers).toHaveLength(2)
  client.destroy()
  // It must not take until the time to read an answer is over, 30 s.
  await expect.poll(() => left(answers)).toBe(0)
})

test('a connection that waits for a next request keeps nothing of the last', async () => {
  const requests: WeakRef<object>[] = []
  const connectAndAsk = await serve((request, response) => {
    rememberExchange(request, response)
    requests.push(new WeakRef(request))
    response.end()
  })
  const client = await connectAndAsk()
  await expect.poll(() => left(requests)).toBe(0)
  // One that is answered before it has arrived.
  client.read()
  client.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{')
  await once(client, 'readable')
  client.write('}')
  await expect.poll(() => left(requests)).toBe(0)
  expect(client.closed).toBe(false)
})
