/** A server that is busy for 5 ms with each request. Prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inTurns } from '#server/turns'

const server = createServer(
  inTurns((_, response) => {
    const end = performance.now() + 5
    while (performance.now() < end);
    response.end()
  }),
).listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
