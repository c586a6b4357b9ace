import { createServer } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { acceptWaiting } from '#server/serve'
import { headOf } from '#tests/support/send'
import { listen } from '#tests/support/service'

test('all who have connected are answered before the server closes', async () => {
  const server = createServer((_, response) => response.end('answered'))
  const port = await listen(server)
  const answers = Array.from({ length: 50 }, () => {
    const socket = connect(port, '127.0.0.1')
    socket.write(headOf('GET /', 'Connection: close'))
    return text(socket)
  })
  await acceptWaiting(server)
  server.close()
  for (const answer of await Promise.all(answers)) expect(answer).toMatch('answered')
})
